"""Recognises a pooler that hands each transaction to another session of Postgres.

LISTEN, the lock of a purchase and what we set for a session live in one session. Behind a pooler in
transaction mode they are lost without a word: a lock then holds nobody off. Poolers in session mode
are welcome.
"""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import unpooled
from db.errors import translate
from domain.errors import Misconfigured

_WHICH = text("SELECT pg_backend_pid()")


async def refuse_transaction_pooler(engine: AsyncEngine) -> None:
    """Make sure that a connection is a session of its own. Reads only.

    Raises:
        Misconfigured: transactions of one connection meet several sessions of Postgres, or two
            connections share one.
        StorageUnavailable: Postgres is away.
    """
    own = unpooled(engine)
    try:
        async with own.connect() as one, own.connect() as other:
            shared = await _share_sessions(one, other)
    except DBAPIError as error:
        raise translate(error) from None
    if shared:
        raise Misconfigured(
            "DATABASE_URL leads to a connection pooler in transaction mode. LISTEN and session"
            " locks do not survive there: use its session mode, or Postgres itself."
        )


async def _share_sessions(one: AsyncConnection, other: AsyncConnection) -> bool:
    """Ask in an order that shows it whether the pooler takes its oldest session or its newest."""
    first = {await one.scalar(_WHICH), await one.scalar(_WHICH)}
    second = {await other.scalar(_WHICH)}
    first.add(await one.scalar(_WHICH))
    second |= {await other.scalar(_WHICH), await other.scalar(_WHICH)}
    return len(first) > 1 or len(second) > 1 or not first.isdisjoint(second)
