"""Reads that many callers want at the same moment, done once.

Fifty requests that wait for one order are woken together and all read its row. Whoever asks
while such a read still waits for a connection shares its result. Once the question is sent
nobody joins it any more, so nobody gets a row older than its own question.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import transaction
from db.errors import pool_exhausted, translate

ResultT = TypeVar("ResultT")


class SharedReads:
    """Reads outside of any transaction, shared by key, on the pool of `create_read_engine`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._joinable: dict[Hashable, asyncio.Task[Any]] = {}

    async def read(
        self, key: Hashable, question: Callable[[AsyncConnection], Awaitable[ResultT]]
    ) -> ResultT:
        """Answer a question; callers with equal keys must ask equal questions.

        Raises:
            StorageUnavailable: Postgres is away.
        """
        task: asyncio.Task[ResultT] | None = self._joinable.get(key)
        if task is None:
            task = asyncio.create_task(self._run(key, question))
            self._joinable[key] = task
        return await asyncio.shield(task)

    async def _run(
        self, key: Hashable, question: Callable[[AsyncConnection], Awaitable[ResultT]]
    ) -> ResultT:
        try:
            return await self._ask(key, question)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise translate(error) from None
        except PoolTimeout:
            raise pool_exhausted() from None
        finally:
            self._close_to_joiners(key)
        # The connection was lost while nobody used it: the others of its pool are not used either.
        async with transaction(self._engine) as connection:
            return await question(connection)

    async def _ask(
        self, key: Hashable, question: Callable[[AsyncConnection], Awaitable[ResultT]]
    ) -> ResultT:
        async with self._engine.connect() as connection:
            self._close_to_joiners(key)
            return await question(connection)

    def _close_to_joiners(self, key: Hashable) -> None:
        if self._joinable.get(key) is asyncio.current_task():
            del self._joinable[key]
