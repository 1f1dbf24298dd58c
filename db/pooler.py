"""Recognises a pooler that hands each transaction to another session of Postgres.

LISTEN, the lock of a purchase and what we set for a session live in one session. Behind a pooler in
transaction mode they are lost without a word: a lock then holds nobody off. Poolers in session mode
are welcome.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import unpooled
from db.errors import translate
from domain.errors import Misconfigured, StorageUnavailable

_WHICH = text("SELECT pg_backend_pid()")

log = structlog.get_logger(__name__)


@asynccontextmanager
async def without_transaction_pooler(
    engine: AsyncEngine, leave: Callable[[], None], *, pause_seconds: float = 5
) -> AsyncIterator[None]:
    """Run a process only where a connection is a session; `leave` ends it.

    While Postgres is away nobody can tell: it is asked again until it answers, and the process
    leaves if the answer is wrong. Its next start then says why.

    Raises:
        Misconfigured: as `refuse_transaction_pooler`, before the block begins.
    """
    try:
        await refuse_transaction_pooler(engine)
    except StorageUnavailable:
        asking = asyncio.create_task(_ask_until_it_answers(engine, leave, pause_seconds))
    else:
        yield
        return
    try:
        yield
    finally:
        asking.cancel()


async def _ask_until_it_answers(
    engine: AsyncEngine, leave: Callable[[], None], pause_seconds: float
) -> None:
    while True:
        await asyncio.sleep(pause_seconds)
        try:
            return await refuse_transaction_pooler(engine)
        except StorageUnavailable:
            continue
        except Misconfigured as error:
            log.critical("transaction_pooler", reason=error.message)
            return leave()


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
