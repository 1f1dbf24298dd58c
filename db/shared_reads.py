"""Reads that many callers want at the same moment, done once.

Fifty requests that wait for one order are woken together and all read its row. Whoever asks
while such a read still waits for a connection shares its result. Once the question is sent
nobody joins it any more, so nobody gets a row older than its own question.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import committing_each, transaction

ResultT = TypeVar("ResultT")


class SharedReads:
    """Reads outside of any transaction, shared by key."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = committing_each(engine)
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
            async with transaction(self._engine) as connection:
                self._close_to_joiners(key)
                return await question(connection)
        finally:
            self._close_to_joiners(key)

    def _close_to_joiners(self, key: Hashable) -> None:
        if self._joinable.get(key) is asyncio.current_task():
            del self._joinable[key]
