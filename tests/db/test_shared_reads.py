"""Reads that many want at once: done once, and never older than the question."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import create_engine, create_read_engine
from db.shared_reads import SharedReads
from domain.errors import StorageUnavailable
from tests.rows import run


async def test_callers_of_one_moment_share_one_read(engine: AsyncEngine) -> None:
    """A hundred questions with one key: one goes to the database."""
    asked = 0

    async def question(connection: AsyncConnection) -> int:
        nonlocal asked
        asked += 1
        return int(await connection.scalar(text("SELECT 42")) or 0)

    reads = SharedReads(engine)
    answers = await asyncio.gather(*(reads.read("answer", question) for _ in range(100)))
    assert (set(answers), asked) == ({42}, 1)


async def test_other_keys_are_other_questions(engine: AsyncEngine) -> None:
    """Nobody gets somebody else's answer."""

    async def ask(number: int) -> int:
        async def question(connection: AsyncConnection) -> int:
            return int(await connection.scalar(text(f"SELECT {number}")) or 0)

        return await reads.read(number, question)

    reads = SharedReads(engine)
    assert await asyncio.gather(*(ask(number) for number in range(20))) == [*range(20)]


async def test_a_read_that_has_begun_is_joined_by_nobody(engine: AsyncEngine) -> None:
    """What is committed after the first question was sent is seen by the second."""
    await run(engine, "CREATE TABLE counter AS SELECT 1 AS number")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def question(connection: AsyncConnection) -> int:
        found = int(await connection.scalar(text("SELECT number FROM counter")) or 0)
        begun.set()
        await go_on.wait()
        return found

    reads = SharedReads(engine)
    early = asyncio.create_task(reads.read("counter", question))
    await begun.wait()
    await run(engine, "UPDATE counter SET number = 2")
    go_on.set()
    assert await reads.read("counter", question) == 2
    assert await early == 1


async def test_a_caller_who_gives_up_takes_nothing_from_the_others(engine: AsyncEngine) -> None:
    """Cancelling one of two leaves the other its answer."""

    async def question(connection: AsyncConnection) -> int:
        return int(await connection.scalar(text("SELECT 42")) or 0)

    reads = SharedReads(engine)
    one = asyncio.create_task(reads.read("answer", question))
    two = asyncio.create_task(reads.read("answer", question))
    await asyncio.sleep(0)
    one.cancel()
    assert await two == 42


async def test_a_failure_reaches_everybody_and_is_not_kept() -> None:
    """Postgres away: each caller learns it, and the next read tries afresh."""
    nowhere = create_engine("postgresql+psycopg://esim:esim@127.0.0.1:1/esim")

    async def question(connection: AsyncConnection) -> int:
        return int(await connection.scalar(text("SELECT 42")) or 0)

    reads = SharedReads(nowhere)
    for _ in range(2):
        answers = await asyncio.gather(
            *(reads.read("answer", question) for _ in range(3)), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [StorageUnavailable] * 3
    with pytest.raises(StorageUnavailable):
        await reads.read("answer", question)
    await nowhere.dispose()


async def test_a_connection_that_was_lost_costs_a_read_nothing(
    database_url: str, engine: AsyncEngine
) -> None:
    """Nobody asks a pooled connection whether it lives: the read is repeated on a new one."""

    async def question(connection: AsyncConnection) -> int:
        return int(await connection.scalar(text("SELECT pg_backend_pid()")) or 0)

    read_engine = create_read_engine(database_url, pool_size=2)
    reads = SharedReads(read_engine)
    before = await reads.read("pid", question)
    await run(engine, "SELECT pg_terminate_backend(:pid)", pid=before)
    assert await reads.read("pid", question) != before
    await read_engine.dispose()
