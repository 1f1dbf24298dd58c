"""Everything that a database holds, to see that a request wrote nothing."""

from sqlalchemy.ext.asyncio import AsyncEngine

from db.tables import metadata
from tests.rows import value


async def census(engine: AsyncEngine) -> dict[str, str]:
    """A fingerprint of every table."""
    fingerprint = "md5(coalesce(string_agg(t::text, '' ORDER BY t::text), ''))"
    return {
        name: await value(engine, f"SELECT {fingerprint} FROM {name} t")
        for name in sorted(metadata.tables)
    }
