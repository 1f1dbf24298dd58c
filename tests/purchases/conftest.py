"""A sandbox, a shop towards it, and a driver that sees orders through as time would."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain.provider import EsimProvider
from sandbox.running import running_sandbox
from sandbox.sandbox import Sandbox
from sandbox.settings import SandboxSettings
from tests.purchases.shops import SHOPS, Shop
from tests.rows import rows, run, value
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import Intervention

PLAN_ID = 123
PATIENCE_SECONDS = 60
_TOLD_AGAIN_SECONDS = 1.0
SETTLED = frozenset({"ACTIVATED", "NEEDS_REVIEW", "PROVISIONING_FAILED", "EXHAUSTED", "CANCELLED"})
IMPATIENT = Intervention("test", "time passes")
_DONE = [*SETTLED]
_WAITING = """
    SELECT order_id, failed_rounds, EXISTS (
        SELECT FROM provider_intents AS purchase
        WHERE purchase.order_id = profile.order_id AND state = 'ACCEPTED'
    ) AS is_accepted
    FROM esim_profiles AS profile WHERE order_id = ANY(:ids) AND status <> ALL(:done)
"""


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A fresh one, which issues as many tokens as tests ask for."""
    settings = SandboxSettings(tokens_per_minute=None)
    async with running_sandbox(tmp_path / "sandbox", tls=True, settings=settings) as sandbox:
        yield sandbox


@pytest.fixture
def shop() -> Shop:
    """Where orders are bought; tests override it."""
    return SHOPS[0]


@pytest.fixture
async def providers(
    sandbox: Sandbox, shop: Shop, tmp_path: Path
) -> AsyncIterator[dict[str, EsimProvider]]:
    """The shop alone."""
    provider = shop.build(sandbox, tmp_path / "sandbox")
    sandbox.deduplicates[shop.provider] = shop.deduplicates
    yield {shop.provider: provider}
    await provider.aclose()


@pytest.fixture
def activations(temporal_client: Client, task_queue: str) -> Activations:
    """What the API and the CLI use."""
    return Activations(temporal_client, task_queue)


@pytest.fixture
def watch(engine: AsyncEngine, temporal_client: Client) -> Watch:
    """How tests wait for an activation."""
    return Watch(engine, temporal_client)


@dataclass
class Driver:
    """Sees orders through: what waits for a round is told that its time has come."""

    engine: AsyncEngine
    activations: Activations

    async def start(self, order_id: int) -> None:
        """Begin."""
        await self.activations.start(order_id, PLAN_ID)

    async def see_through(self, *order_ids: int) -> None:
        """Until every order is served or waits for a person, and no late news moves one again."""
        rounds, told = dict.fromkeys(order_ids, 0), dict.fromkeys(order_ids, 0.0)
        quiet_looks = 0
        # What is not settled by then is shown as it is, for a test to say what is wrong.
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while quiet_looks < 3:
                    waiting = await rows(self.engine, _WAITING, ids=[*rounds], done=_DONE)
                    quiet_looks = 0 if waiting else quiet_looks + 1
                    await asyncio.gather(*(self._press(each, rounds, told) for each in waiting))
                    await asyncio.sleep(0.2)

    async def served(self, order_id: int) -> None:
        """Until the customer has it."""
        await self._until(order_id, "status = 'ACTIVATED'")

    async def parked_again(self, order_id: int, *, after_rounds: int) -> None:
        """Until it has failed once more and waits for a person."""
        await self._until(order_id, f"failed_rounds > {after_rounds} AND status = 'NEEDS_REVIEW'")

    async def _until(self, order_id: int, condition: str) -> None:
        query = f"SELECT {condition} FROM esim_profiles WHERE order_id = :id"
        async with asyncio.timeout(30):
            while not await value(self.engine, query, id=order_id):
                await asyncio.sleep(0.05)

    async def profile(self, order_id: int) -> dict[str, Any]:
        """The order's profile."""
        [found] = await rows(
            self.engine, "SELECT * FROM esim_profiles WHERE order_id = :id", id=order_id
        )
        return dict(found)

    async def intents(self, order_id: int) -> list[dict[str, Any]]:
        """The order's purchases, oldest first."""
        found = await rows(
            self.engine,
            "SELECT * FROM provider_intents WHERE order_id = :id ORDER BY id",
            id=order_id,
        )
        return [dict(each) for each in found]

    async def _press(
        self, waiting: Mapping[str, Any], rounds: dict[int, int], told: dict[int, float]
    ) -> None:
        """What would come by itself in time: the next round, and news of an accepted order."""
        order_id = waiting["order_id"]
        if waiting["failed_rounds"] > rounds[order_id]:
            rounds[order_id] = waiting["failed_rounds"]
            await self.activations.nudge(order_id, IMPATIENT)
        if waiting["is_accepted"] and time.monotonic() > told[order_id] + _TOLD_AGAIN_SECONDS:
            told[order_id] = time.monotonic()
            await self.activations.tell_of_purchase(order_id)


@pytest.fixture
def driver(engine: AsyncEngine, activations: Activations) -> Driver:
    """How tests see orders through."""
    return Driver(engine, activations)


async def sell(
    engine: AsyncEngine, provider: str, code: str = "ES-5GB", priority: int = 100
) -> None:
    """Put a provider on plan 123's route."""
    await run(
        engine,
        "INSERT INTO plan_codes (plan_id, provider, plan_code, priority)"
        " VALUES (123, :provider, :code, :priority)",
        provider=provider,
        code=code,
        priority=priority,
    )
