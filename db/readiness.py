"""Whether this database can serve: it holds our schema, takes a write, and passes on a NOTIFY."""

import uuid
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import transaction
from db.listen import CHANNEL, Notifications
from db.tables import readiness
from domain.errors import StorageFault, StorageUnavailable

_ROW = 1


def newest_revision() -> str:
    """Read which schema this program was written for: its migrations are numbered files."""
    versions = Path(__file__).parent / "migrations" / "versions"
    return max(path.name.partition("_")[0] for path in versions.glob("[0-9]*.py"))


async def check_writes(engine: AsyncEngine, revision: str) -> None:
    """Write a row, in a transaction as every other one, into a schema that is ours. Idempotent.

    A schema that is newer is ours too: migrations only ever add until every old process has gone.

    Raises:
        StorageFault: the schema is older than `revision`, or somebody else's.
        StorageUnavailable: Postgres is away, or refuses writes.
    """
    async with transaction(engine) as connection:
        found = await _revision(connection)
        if found is None:
            raise StorageFault("This database is not ours: it has no `alembic_version`.")
        if not found.isdecimal() or found < revision:
            raise StorageFault(f"The schema is at {found}; {revision} is needed: migrate.")
        row = {"id": _ROW, "checked_at": func.now()}
        write = insert(readiness).values(row)
        await connection.execute(write.on_conflict_do_update(index_elements=["id"], set_=row))


async def check_notifications(
    engine: AsyncEngine, notifications: Notifications, *, timeout_seconds: float = 2
) -> None:
    """Send a NOTIFY by the pool and hear it by the LISTEN connection.

    Raises:
        StorageUnavailable: it did not come back: the two ends are at different servers, or
            something between pools transactions.
    """
    token = f"ready-{uuid.uuid4().hex}"
    with notifications.subscribe(token) as subscription:
        async with transaction(engine) as connection:
            await connection.execute(select(func.pg_notify(CHANNEL, token)))
        if not await subscription.wait(timeout_seconds):
            raise StorageUnavailable("A NOTIFY did not come back.")


async def _revision(connection: AsyncConnection) -> str | None:
    """Read the schema's version; None if there is no such table."""
    if await connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found or "none"
