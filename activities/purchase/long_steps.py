"""Long steps: their worker's death shows in seconds, and nothing but that ends them half-way."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from temporalio import activity

INTERVAL_SECONDS = 3.0
"""Well under the heartbeat timeout of workflows/policies.py."""

ResultT = TypeVar("ResultT")


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Beat until the block ends. Beats carry nothing."""
    beating = asyncio.create_task(_beat())
    try:
        yield
    finally:
        beating.cancel()


async def to_the_end(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Finish what was begun, even if Temporal gives this attempt up and cancels it meanwhile.

    A purchase that is cut off after its send is one that nobody knows the outcome of.
    """
    task = asyncio.create_task(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    return task.result()


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(INTERVAL_SECONDS)
