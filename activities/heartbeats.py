"""Telling Temporal that a long step is alive, so that the death of its worker shows in seconds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

INTERVAL_SECONDS = 3.0
"""Well under the heartbeat timeout of workflows/policies.py."""


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Beat until the block ends. Beats carry nothing."""
    beating = asyncio.create_task(_beat())
    try:
        yield
    finally:
        beating.cancel()


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(INTERVAL_SECONDS)
