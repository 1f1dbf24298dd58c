"""Undoes what an activation did, in reverse, whatever ends it."""

import asyncio
from collections.abc import Awaitable, Callable

Undo = Callable[[], Awaitable[None]]


class UndoStack:
    """Undos to run, last pushed first.

    Push before the step that is undone: an undo is harmless if the step did nothing.
    """

    def __init__(self) -> None:
        self._undos: list[Undo] = []

    def push(self, undo: Undo) -> None:
        """Remember how to undo the step that comes next."""
        self._undos.append(undo)

    def forget(self) -> None:
        """Forget every undo: the work is done for good."""
        self._undos.clear()

    async def unwind(self) -> None:
        """Run every undo, to its end even if the workflow is cancelled meanwhile."""
        while self._undos:
            await shielded(self._undos[-1])
            self._undos.pop()


async def shielded(work: Undo) -> None:
    """Run to the end although cancellation is asked for; the request was heard already.

    Python has no detached scope: a cancel during unshielded compensation loses the rest of it.
    """
    task = asyncio.ensure_future(work())
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
    task.result()
