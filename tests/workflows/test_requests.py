"""Retries asked for by people: taken, refused with a sentence, or on record as ignored."""

import asyncio
import re
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.pause_points import PausePoint
from domain.errors import NotWaiting, UnknownProvider
from operations import activations as operations
from tests.holds import Hold
from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import answering
from tests.rows import paid_order, rows, run, stock_item, value
from tests.workflows.conftest import Watch
from workflows.client import Activations, Started
from workflows.messages import RETRY, WORKFLOW, ActivationRequest, Intervention, Step, workflow_id

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

ANA = Intervention("ana", "the partner is back")
DOWN = answering(503, {"error": "maintenance"})


async def test_a_retry_of_what_does_not_wait_says_why(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """An ended activation is neither asked nor begun again; the caller gets a sentence."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.ended(order_id)
    assert not await activations.retry(order_id, ANA)
    assert await activations.restart(order_id) is Started.ENDED
    with pytest.raises(NotWaiting, match="activated: there is nothing to retry"):
        await operations.retry(engine, activations, order_id, ANA)


@pytest.mark.history("asked-for-an-unknown-provider")
async def test_a_retry_with_a_provider_that_nobody_serves_begins_nothing(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """A caller is told which ones there are, a signal is noted as ignored; the order waits on."""
    partner.answer = DOWN
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    before = await watch.step(order_id, Step.WAITING)
    elsewhere = Intervention("ana", "try", provider="AIRALO")
    refusal = "There is no provider AIRALO to buy from here (--provider); there is: CONNECTED_YOU."
    with pytest.raises(UnknownProvider, match=f"^{re.escape(refusal)}$"):
        await activations.retry(order_id, elsewhere)
    with pytest.raises(UnknownProvider, match=f"^{re.escape(refusal)}$"):  # the API's own words
        await operations.retry(engine, activations, order_id, elsewhere)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await watch.handle(order_id).execute_update(RETRY, elsewhere)
    assert isinstance(refused.value.cause, ApplicationError)
    assert (refused.value.cause.type, refused.value.cause.non_retryable) == (
        "unknown-provider",
        True,
    )
    await activations.nudge(order_id, elsewhere)
    async with asyncio.timeout(30):
        while "request_ignored" not in await watch.kinds(order_id):
            await asyncio.sleep(0.02)
    [ignored] = await rows(
        engine,
        "SELECT actor, payload FROM esim_provisioning_events WHERE kind = 'request_ignored'",
    )
    assert ignored["actor"] == "ana"
    assert ignored["payload"]["reason"] == f"{refusal} (asked: try)"
    assert await watch.step(order_id, Step.WAITING) == before
    assert "retry_requested" not in await watch.kinds(order_id)
    partner.answer = partner.sell
    await activations.retry(order_id, Intervention("ana", "try", provider="CONNECTED_YOU"))
    assert await watch.ended(order_id) == "activated"


async def test_a_signal_with_a_provider_that_somebody_serves_is_a_retry(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """It is looked up and then heard as any other; blanks and case do not matter."""
    partner.answer = answering(400, {})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.step(order_id, Step.PARKED)
    partner.answer = partner.sell
    await activations.nudge(order_id, Intervention("ana", "try", provider=" connected_you "))
    assert await watch.ended(order_id) == "activated"


async def test_a_terminated_activation_can_be_restarted(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """Retry starts a new run where none is left, and the database tells it where to go on."""
    partner.answer = answering(400, {})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.until(order_id, "status = 'PROVISIONING_FAILED'")
    await watch.handle(order_id).terminate("by mistake")
    partner.answer = partner.sell
    await operations.retry(engine, activations, order_id, ANA)
    assert await watch.ended(order_id) == "activated"


async def test_a_run_that_fails_answers_what_was_asked_of_it_first(
    engine: AsyncEngine, task_queue: str, watch: Watch
) -> None:
    """A signal that is still being looked into when the run fails gets its event all the same."""
    order_id = await paid_order(engine, status="CREATED")
    elsewhere = Intervention("ana", "try", provider="AIRALO")
    handle = await watch.client.start_workflow(
        WORKFLOW,
        ActivationRequest(order_id),
        id=workflow_id(order_id),
        task_queue=task_queue,
        start_signal=RETRY,
        start_signal_args=[elsewhere],
    )
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert await watch.kinds(order_id) == ["request_ignored"]


async def test_a_reason_that_postgres_cannot_store_does_not_end_the_wait(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """NUL and half a surrogate pair come by Temporal's CLI; the order completes all the same."""
    partner.answer = answering(400, {})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.step(order_id, Step.PARKED)
    partner.answer = partner.sell
    await watch.handle(order_id).signal("retry", Intervention("a\0na", "because\0"))
    assert await watch.ended(order_id) == "activated"
    query = "SELECT actor FROM esim_provisioning_events WHERE kind = 'retry_requested'"
    assert await value(engine, query) == "ana"


async def test_a_request_that_cannot_be_recorded_does_not_end_the_activation(
    engine: AsyncEngine, activations: Activations, watch: Watch, pause_points_dir: Path
) -> None:
    """Postgres refuses the event of a signal that comes during a purchase: it is bought anyway."""
    await run(
        engine,
        "ALTER TABLE esim_provisioning_events"
        " ADD CONSTRAINT none_ignored CHECK (kind <> 'request_ignored')",
    )
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.BEFORE_SEND, order_id)
    await activations.start(order_id, 123)
    await hold.reached()
    await activations.nudge(order_id, Intervention("ana", "try", provider="AIRALO"))
    await activations.nudge(order_id, ANA)
    hold.release()
    assert await watch.ended(order_id) == "activated"
    assert "request_ignored" not in await watch.kinds(order_id)
