"""Replies that most likely name something that was paid for, and that nobody may be given."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.columns import ReplyColumns
from db.purchases import Purchase
from db.tables import quarantined_replies

MAX_RAW_CHARACTERS = 1024 * 1024


async def keep(connection: AsyncConnection, purchase: Purchase, reason: str, raw: str) -> None:
    """Keep a reply as it came, for a person. `reason` holds no code; `raw` most likely does.

    Not idempotent: one row for each reply that came.
    """
    columns = ReplyColumns(
        intent_id=purchase.id,
        order_id=purchase.order_id,
        provider=purchase.provider,
        reason=reason,
        raw=_storable(raw),
    )
    await connection.execute(insert(quarantined_replies).values(columns))


def _storable(raw: str) -> str:
    """Replace what Postgres does not take, NUL and lone surrogates: nobody can read them anyway."""
    clean = raw.replace("\0", "\N{SYMBOL FOR NULL}").encode(errors="replace").decode()
    return clean[:MAX_RAW_CHARACTERS]
