"""Telling which providers can be bought from."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.announcing import announce, announce_once_heard
from db import provider_controls
from db.engine import create_engine, transaction
from domain.errors import StorageUnavailable
from providers.local import LocalProvider


async def test_a_worker_that_starts_before_postgres_announces_its_providers_later(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing ends meanwhile; once Postgres answers, the door knows what can be bought from."""
    away = create_engine("postgresql+psycopg://esim:esim@127.0.0.1:1/esim")
    providers = {"LOCAL": LocalProvider()}
    with pytest.raises(StorageUnavailable):
        await announce(away, providers)
    async with asyncio.timeout(30):
        announcing = asyncio.create_task(announce_once_heard(away, providers, 0.05))
        await asyncio.wait({announcing}, timeout=0.2)
        assert not announcing.done()
        monkeypatch.setattr(away.sync_engine, "pool", engine.sync_engine.pool)
        await announcing
    async with transaction(engine) as connection:
        assert await provider_controls.offered(connection) == {"LOCAL"}
