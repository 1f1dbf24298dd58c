"""A pooler that shares sessions between transactions is recognised; others are welcome."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine
from db.pooler import refuse_transaction_pooler, without_transaction_pooler
from domain.errors import Misconfigured, StorageUnavailable
from tests.pooler import running_pooler


@pytest.mark.parametrize("newest_first", [True, False], ids=["newest first", "oldest first"])
async def test_a_transaction_pooler_is_refused_with_a_sentence(
    database_url: str, newest_first: bool
) -> None:
    """Whichever of its idle sessions it lends out next, and although it has plenty."""
    async with running_pooler(
        database_url, by_transaction=True, newest_first=newest_first
    ) as pooled:
        engine = create_engine(pooled)
        with pytest.raises(Misconfigured, match=r"transaction mode.*session mode"):
            await refuse_transaction_pooler(engine)
        await engine.dispose()


async def test_a_session_pooler_is_taken(database_url: str) -> None:
    """A connection is one session for as long as it lives."""
    async with running_pooler(database_url, by_transaction=False) as pooled:
        engine = create_engine(pooled)
        await refuse_transaction_pooler(engine)
        await engine.dispose()


async def test_postgres_itself_is_taken(engine: AsyncEngine) -> None:
    """It is asked at every start."""
    await refuse_transaction_pooler(engine)


async def test_a_database_that_is_away_says_nothing_of_poolers() -> None:
    """Whoever starts before Postgres does asks again later."""
    away = create_engine("postgresql+psycopg://esim@127.0.0.1:9/esim", connect_timeout_seconds=1)
    with pytest.raises(StorageUnavailable):
        await refuse_transaction_pooler(away)
    await away.dispose()


async def test_whoever_started_before_the_pooler_leaves_once_it_answers(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process runs meanwhile; its next start is refused with the sentence."""
    told = asyncio.Event()
    away = create_engine("postgresql+psycopg://esim@127.0.0.1:9/esim", connect_timeout_seconds=1)
    async with (
        running_pooler(database_url, by_transaction=True) as pooled,
        without_transaction_pooler(away, told.set, pause_seconds=0.05),
    ):
        assert not told.is_set()
        there = create_engine(pooled)
        monkeypatch.setattr(away.sync_engine, "url", there.url)
        async with asyncio.timeout(20):
            await told.wait()
        await there.dispose()
    await away.dispose()
