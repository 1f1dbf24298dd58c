"""A provider's outage of a day, on a server that skips time: probed, not hammered, then drained."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import WorkflowEnvironment

from domain.gate import ProviderLimits
from domain.purchase import Ambiguity
from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import Answer, Received, answering
from tests.rows import paid_order, rows, run, stock_item
from tests.skipped_time import environment, purchase_rules, temporal_client
from tests.workflows.conftest import Watch
from workflows.client import Activations

__all__ = ["environment", "purchase_rules", "temporal_client"]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("catalogue", "worker")]

ORDERS = 4
REFUSING = answering(503, {})
FAILING = answering(500, {})  # it may have booked: each order must be looked up


@pytest.fixture
def ambiguity() -> Ambiguity:
    """The partner can be asked for a reference."""
    return Ambiguity.LOOKUP


class Witness:
    """Notes when each call arrived, by the clock that skips."""

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self._environment = environment
        self.calls: list[datetime] = []

    def of(self, answer: Answer) -> Answer:
        """The same answer, noted."""

        async def noted(received: Received, writer: asyncio.StreamWriter) -> None:
            self.calls.append(await self._environment.get_current_time())
            await answer(received, writer)

        return noted


async def _pass(environment: WorkflowEnvironment, *, hours: int) -> None:
    """In small steps: each is one call to the server, which does all the work of that time."""
    for _ in range(12 * hours):
        await environment.sleep(300)


@pytest.mark.parametrize(
    ("down", "hours"), [(REFUSING, 12), (FAILING, 24)], ids=["half a day of 503", "a day of 500"]
)
async def test_a_long_outage_is_probed_once_a_minute_and_drains(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    partner: PartnerServer,
    environment: WorkflowEnvironment,
    down: Answer,
    hours: int,
) -> None:
    """After the breaker opens the fleet calls at most once a minute; stock is served meanwhile."""
    await run(engine, "INSERT INTO plans (id, name, price_minor_units) VALUES (7, 'Stocked', 1)")
    witness = Witness(environment)
    partner.answer = witness.of(down)
    for _ in range(ORDERS):
        await activations.start(await paid_order(engine), 123)
    await _pass(environment, hours=hours // 2)
    await stock_item(engine, plan_id=7)
    stocked = await paid_order(engine, 7)
    await activations.start(stocked, 7)
    assert await watch.ended(stocked) == "activated"
    await _pass(environment, hours=hours // 2)
    limits = ProviderLimits()
    probes = witness.calls[limits.failures_to_open + limits.max_concurrent :]
    gaps = [later - earlier for earlier, later in pairwise(probes)]
    assert len(gaps) > 50
    assert min(gaps) >= timedelta(seconds=60)
    partner.answer = partner.sell
    await _pass(environment, hours=3)
    states = await rows(engine, "SELECT status FROM esim_profiles")
    assert [row["status"] for row in states] == ["ACTIVATED"] * (ORDERS + 1)
    assert len(partner.orders) == ORDERS
