"""Words for what tests of purchases ask: what an order's trail says, and until when to wait."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.provider import EsimProvider
from sandbox.sandbox import Sandbox
from tests.purchases.shops import SHOPS
from tests.rows import rows

OPEN_STATES = frozenset({"INTENDED", "SENT", "ACCEPTED", "UNKNOWN"})


def open_shop(name: str, sandbox: Sandbox, folder: Path, **changes: Any) -> EsimProvider:
    """The adapter of one of SHOPS, by its name there."""
    shop = next(each for each in SHOPS if each.name == name)
    return shop.build(sandbox, folder / "sandbox", **changes)


async def until(condition: Callable[[], Awaitable[object]], seconds: float = 30) -> None:
    """Until something is so, asked again and again; a test that waits in vain fails."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def trail(engine: AsyncEngine, order_id: int) -> list[str]:
    """The order's events, each with the provider that it is about, if any."""
    found = await rows(
        engine,
        "SELECT kind, payload ->> 'provider' AS provider FROM esim_provisioning_events"
        " WHERE order_id = :id ORDER BY id",
        id=order_id,
    )
    return [f"{row['kind']} {row['provider'] or ''}".strip() for row in found]


def asked(sandbox: Sandbox) -> list[str]:
    """Every call of every provider, oldest first, tokens left aside."""
    calls = [call for call in sandbox.calls() if call.operation != "token"]
    return [f"{call.provider} {call.operation}" for call in calls]
