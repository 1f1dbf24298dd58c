"""Days and months, on a server that skips time: rounds are spent, waits stay cheap."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import WorkflowEnvironment

from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import answering
from tests.rows import paid_order, rows, stock_item, value
from tests.skipped_time import environment, purchase_rules, temporal_client
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import WORKFLOW, ActivationRequest, Intervention, Step, workflow_id
from workflows.policies import MAXIMUM_HISTORY_EVENTS, OUTAGE_ROUNDS, ROUND_DELAYS

CUSTOMER = Intervention("customer:1", "activation was asked for again")

__all__ = ["environment", "purchase_rules", "temporal_client"]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("catalogue", "worker")]


async def _wait_days(environment: WorkflowEnvironment, days: int) -> None:
    """In steps of an hour: each is one call to the server, which does all the work of that time."""
    for _ in range(24 * days):
        await environment.sleep(3600)


async def test_an_outage_of_days_is_tried_in_rounds_and_then_parked(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    partner: PartnerServer,
    environment: WorkflowEnvironment,
) -> None:
    """A round per delay, then one each half hour for three days; then a person is waited for."""
    partner.answer = answering(503, {})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await _wait_days(environment, 5)
    await watch.until(order_id, "status = 'PROVISIONING_FAILED'")
    [profile] = await rows(engine, "SELECT * FROM esim_profiles")
    assert profile["failed_rounds"] == len(ROUND_DELAYS) + OUTAGE_ROUNDS + 1
    assert len(await watch.history_types(order_id)) < 200


@pytest.mark.history("waited-an-outage-out")
async def test_an_outage_that_ends_needs_nobody(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    partner: PartnerServer,
    environment: WorkflowEnvironment,
) -> None:
    """The next automatic round finds the provider back and completes by itself."""
    partner.answer = answering(503, {})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.until(order_id, "failed_rounds = 1")
    partner.answer = partner.sell
    await _wait_days(environment, 1)
    assert await watch.status(order_id) == "ACTIVATED"
    kinds = await watch.kinds(order_id)
    assert "retry_requested" not in kinds


@pytest.mark.history("asked-again-and-again-by-the-clock", first_run=True)
async def test_who_asks_again_and_again_does_not_use_the_rounds_up(
    engine: AsyncEngine,
    task_queue: str,
    activations: Activations,
    watch: Watch,
    partner: PartnerServer,
    environment: WorkflowEnvironment,
) -> None:
    """Two nudges a minute, with three rounds left: it waits on by the clock, kept short."""
    partner.answer = answering(503, {})
    order_id = await paid_order(engine)
    await watch.client.start_workflow(
        WORKFLOW,
        ActivationRequest(order_id, outage_rounds=OUTAGE_ROUNDS - 3),
        id=workflow_id(order_id),
        task_queue=task_queue,
    )
    await watch.until(order_id, "failed_rounds = 1")
    first = (await watch.handle(order_id).describe()).run_id
    for nudged in range(15):
        await activations.nudge(order_id, CUSTOMER)
        await watch.until(order_id, f"failed_rounds > {nudged + 1}")
        await environment.sleep(30)
    assert await watch.status(order_id) == "PENDING_ACTIVATION"
    assert (await watch.handle(order_id).describe()).run_id != first
    assert (await watch.step(order_id, Step.WAITING)).failure is not None
    partner.answer = partner.sell
    await _wait_days(environment, 1)
    assert await watch.status(order_id) == "ACTIVATED"


async def test_stock_that_arrived_unheard_is_found_within_hours(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    partner: PartnerServer,
    environment: WorkflowEnvironment,
) -> None:
    """Nobody nudges the exhausted order: it looks again by itself."""
    partner.answer = answering(422, {"error": "out_of_stock"})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.until(order_id, "status = 'EXHAUSTED'")
    await stock_item(engine)
    await _wait_days(environment, 1)
    assert await watch.status(order_id) == "ACTIVATED"
    assert len(partner.requests) == 1


@pytest.mark.history("parked-for-half-a-year")
async def test_a_wait_of_half_a_year_stays_short_and_still_hears_a_retry(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    partner: PartnerServer,
    environment: WorkflowEnvironment,
) -> None:
    """New runs keep the history short; a retry after months completes the order."""
    partner.answer = answering(400, {})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.until(order_id, "status = 'PROVISIONING_FAILED'")
    first = (await watch.handle(order_id).describe()).run_id
    await _wait_days(environment, 180)
    assert (await watch.handle(order_id).describe()).run_id != first
    assert len(await watch.history_types(order_id)) < MAXIMUM_HISTORY_EVENTS + 50
    partner.answer = partner.sell
    await watch.handle(order_id).signal("retry", Intervention("ana", "half a year later"))
    assert await watch.ended(order_id) == "activated"
    count = "SELECT count(*) FROM esim_provisioning_events WHERE kind = 'parked'"
    assert await value(engine, count) == 1
