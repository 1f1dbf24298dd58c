"""Postgres and Temporal, as the commands reach them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine
from domain.errors import Misconfigured
from domain.event import Door
from settings import DatabaseSettings, TemporalSettings, load
from workflows.client import Activations
from workflows.connection import connect


@asynccontextmanager
async def postgres() -> AsyncIterator[AsyncEngine]:
    """Reach the database of DATABASE_URL; connections open on use and close at the end.

    Raises:
        Misconfigured: DATABASE_URL is no URL.
    """
    settings = load(DatabaseSettings)
    try:
        engine = create_engine(
            settings.database_url.get_secret_value(),
            pool_size=2,
            connect_timeout_seconds=settings.database_connect_timeout_seconds,
        )
    # No URL, or one for a driver that is not here; the messages quote it, password included.
    except (SQLAlchemyError, ValueError, ImportError):
        raise Misconfigured(
            "DATABASE_URL is not of the form postgresql+psycopg://user:password@host:port/name."
        ) from None
    try:
        yield engine
    finally:
        await engine.dispose()


async def activations() -> Activations:
    """Reach the activations of TEMPORAL_ADDRESS; it connects when it is first asked something."""
    settings = load(TemporalSettings)
    api_key = settings.temporal_api_key
    client = await connect(
        settings.temporal_address,
        settings.temporal_namespace,
        tls=settings.temporal_tls,
        api_key=api_key.get_secret_value() if api_key else None,
        lazy=True,
    )
    return Activations(client, settings.temporal_task_queue, Door.CLI)
