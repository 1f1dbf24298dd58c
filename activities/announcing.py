"""Telling the whole deployment which providers its workers can buy from."""

import asyncio
from collections.abc import Mapping

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db import provider_controls
from db.engine import transaction
from domain.errors import StorageUnavailable
from domain.provider import EsimProvider

log = structlog.get_logger(__name__)


async def announce(engine: AsyncEngine, providers: Mapping[str, EsimProvider]) -> None:
    """Say which providers can be bought from here, so that nobody asks for another one.

    Raises:
        StorageUnavailable: Postgres is away.
    """
    async with transaction(engine) as connection:
        await provider_controls.offer(connection, providers)


async def announce_once_heard(
    engine: AsyncEngine, providers: Mapping[str, EsimProvider], pause_seconds: float = 5
) -> None:
    """Announce as soon as Postgres answers; the worker serves meanwhile, as its steps wait too."""
    while True:
        try:
            await announce(engine, providers)
        except StorageUnavailable:
            log.warning("providers_not_announced")
            await asyncio.sleep(pause_seconds)
        else:
            return
