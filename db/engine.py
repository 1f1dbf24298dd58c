"""Connections to Postgres, and the one place where a transaction opens and closes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from db.errors import pool_exhausted, translate
from db.sessions import TRANSPORT, prepare_sessions


def create_engine(
    url: str,
    *,
    pool_size: int = 10,
    connect_timeout_seconds: float = 5,
    check_connections: bool = True,
) -> AsyncEngine:
    """Build a pool of connections; none is opened yet.

    `check_connections` asks each one whether it still lives before it is used: for callers who
    would show a lost one to somebody. Steps that are repeated anyway save the round trip.
    `hide_parameters` keeps codes out of SQLAlchemy's messages; `db/errors.py` drops what
    the driver itself would quote.
    """
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=connect_timeout_seconds,
        pool_pre_ping=check_connections,
        hide_parameters=True,
        connect_args=_within(connect_timeout_seconds),
    )
    return prepare_sessions(engine)


def create_read_engine(
    url: str, *, pool_size: int, connect_timeout_seconds: float = 5
) -> AsyncEngine:
    """Build a pool for single reads, of which each is a transaction of its own.

    A connection is taken as it is, set up once and given back as it is: BEGIN, COMMIT, a question
    whether it still lives and its reset would cost more than the read. Whoever uses it repeats a
    read that finds its connection lost, as `db/shared_reads.py` does.
    """
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=connect_timeout_seconds,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        hide_parameters=True,
        connect_args=_within(connect_timeout_seconds),
    )
    return prepare_sessions(engine)


def unpooled(engine: AsyncEngine) -> AsyncEngine:
    """Reach the same database by connections of their own, opened and closed with each use."""
    own = create_async_engine(
        engine.url,
        poolclass=NullPool,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        connect_args=_within(5),
    )
    return prepare_sessions(own)


def _within(connect_timeout_seconds: float) -> dict[str, Any]:
    """Return the driver's arguments for a connection that is made in time, or not at all."""
    return {"connect_timeout": max(1, round(connect_timeout_seconds)), **TRANSPORT}


def committing_each(engine: AsyncEngine) -> AsyncEngine:
    """Use the same pool with each statement its own transaction: no trips for BEGIN and COMMIT."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open one transaction: committed when the block ends, rolled back when it raises.

    Raises:
        StorageUnavailable: Postgres is away, busy or shutting down; the same block works later.
            After a commit whose answer was lost the work may be done: blocks re-read first.
        DuplicateStock, IllegalTransition, StorageFault: as `db/errors.py` maps them.
    """
    try:
        async with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise translate(error) from None
    except PoolTimeout:
        raise pool_exhausted() from None
