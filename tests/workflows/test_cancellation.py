"""Refunds and cancellations at every stage: stock goes back, and nothing is assigned."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import CancelledError

from activities.pause_points import PausePoint
from domain.errors import AlreadyAssigned
from operations import activations as operations
from tests.holds import Hold
from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import answering
from tests.rows import paid_order, rows, run, stock_item, value
from tests.workflows.conftest import Watch
from workflows.client import Activations, Started
from workflows.messages import Intervention, Step

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

ANA = Intervention("ana", "the customer changed their mind")


class Telling(Activations):
    """The activations, and word of the moment in which Temporal has a cancel."""

    def __init__(self, client: Client, task_queue: str) -> None:
        super().__init__(client, task_queue)
        self.told = asyncio.Event()

    async def cancel(self, order_id: int, request: Intervention) -> Started:
        """As always."""
        started = await super().cancel(order_id, request)
        self.told.set()
        return started


async def _free(engine: AsyncEngine) -> bool:
    [item] = await rows(engine, "SELECT status, order_id FROM esim_inventory")
    return (item["status"], item["order_id"]) == ("AVAILABLE", None)


@pytest.mark.history("cancelled-while-reserved")
async def test_a_refund_while_reserved_puts_the_item_back(
    engine: AsyncEngine, activations: Activations, watch: Watch, pause_points_dir: Path
) -> None:
    """Paid is checked again when the item is assigned: cancelled, and the stock is free."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.AFTER_RESERVE, order_id)
    await activations.start(order_id, 123)
    await hold.reached()
    await run(engine, "UPDATE orders SET status = 'REFUNDED'")
    hold.release()
    assert await watch.ended(order_id) == "cancelled"
    assert await watch.status(order_id) == "CANCELLED"
    assert await _free(engine)
    kinds = await watch.kinds(order_id)
    assert kinds[-2:] == ["inventory_released", "cancelled"]


async def test_a_cancel_that_races_the_assignment_wins_whole_or_changes_nothing(
    engine: AsyncEngine, activations: Activations, watch: Watch, pause_points_dir: Path
) -> None:
    """Either the stock is free again or the customer has the eSIM, and the trail says which."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.AFTER_RESERVE, order_id)
    await activations.start(order_id, 123)
    await hold.reached()
    await activations.cancel(order_id, ANA)
    hold.release()
    if await watch.ended(order_id) == "cancelled":
        assert await watch.status(order_id) == "CANCELLED"
        assert await _free(engine)
    else:
        assert await watch.status(order_id) == "ACTIVATED"
        assert (await watch.kinds(order_id))[-1] == "request_ignored"


@pytest.mark.history("cancelled-in-temporal-while-buying")
async def test_a_cancel_in_temporal_while_buying_ends_as_canceled(
    engine: AsyncEngine, activations: Activations, watch: Watch, pause_points_dir: Path
) -> None:
    """Temporal's own cancellation waits for the call, compensates to the end, shows as Canceled."""
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.BEFORE_SEND, order_id)
    await activations.start(order_id, 123)
    await hold.reached()
    await watch.handle(order_id).cancel()
    hold.release()
    with pytest.raises(WorkflowFailureError) as failure:
        await watch.handle(order_id).result()
    assert isinstance(failure.value.cause, CancelledError)
    assert await watch.status(order_id) == "CANCELLED"
    assert (
        await value(
            engine, "SELECT count(*) FROM esim_inventory WHERE status IN ('RESERVED', 'ASSIGNED')"
        )
        == 0
    )


@pytest.mark.history("cancelled-while-bought")
async def test_what_was_bought_for_a_cancelled_order_is_kept_and_held_for_nobody(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    pause_points_dir: Path,
    partner: PartnerServer,
) -> None:
    """Refunded while the partner was selling: one purchase, RETIRED, the code is not lost."""
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.AFTER_REPLY, order_id)
    await activations.start(order_id, 123)
    await hold.reached()
    await run(engine, "UPDATE orders SET status = 'REFUNDED'")
    await activations.cancel(order_id, ANA)
    hold.release()
    assert await watch.ended(order_id) == "cancelled"
    [item] = await rows(engine, "SELECT * FROM esim_inventory")
    assert (item["status"], item["order_id"]) == ("RETIRED", order_id)
    assert item["activation_code"]
    assert len(partner.requests) == 1
    assert await value(engine, "SELECT state FROM provider_intents") == "CONFIRMED"


@pytest.mark.parametrize(
    ("status", "step"),
    [
        pytest.param(503, Step.WAITING, marks=pytest.mark.history("cancelled-while-waiting")),
        pytest.param(400, Step.PARKED, marks=pytest.mark.history("cancelled-while-parked")),
    ],
)
async def test_a_cancel_ends_a_waiting_activation(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    partner: PartnerServer,
    status: int,
    step: Step,
) -> None:
    """Between rounds and parked alike: cancelled, with actor and reason in the trail."""
    partner.answer = answering(status, {})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.step(order_id, step)
    await activations.cancel(order_id, ANA)
    assert await watch.ended(order_id) == "cancelled"
    [event] = await rows(
        engine, "SELECT actor, payload FROM esim_provisioning_events WHERE kind = 'cancelled'"
    )
    assert (event["actor"], event["payload"]) == ("ana", {"reason": ANA.reason, "door": "api"})


@pytest.mark.history("cancelled-before-the-start")
async def test_a_cancel_of_what_never_started_ends_it(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """The order can be cancelled before anybody activated it; nothing is reserved."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await activations.cancel(order_id, ANA)
    assert await watch.ended(order_id) == "cancelled"
    assert await _free(engine)


async def test_a_cancel_that_comes_in_the_moment_of_the_assignment_is_refused(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    pause_points_dir: Path,
    task_queue: str,
) -> None:
    """Open when it was asked for, assigned when it was heard: nobody is told that it was taken."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.BEFORE_APPLY_COMMIT, order_id)
    await activations.start(order_id, 123)
    await hold.reached()
    telling = Telling(watch.client, task_queue)
    asking = asyncio.create_task(operations.cancel(engine, telling, order_id, ANA))
    await asyncio.wait_for(telling.told.wait(), 30)
    hold.release()
    with pytest.raises(AlreadyAssigned, match="too late to cancel"):
        await asking
    assert await watch.ended(order_id) == "activated"
    assert (await watch.kinds(order_id))[-1] == "request_ignored"


async def test_a_reason_that_quotes_the_order_s_code_gets_nowhere(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    pause_points_dir: Path,
    task_queue: str,
) -> None:
    """A matching id alone: neither in the timeline nor in the history, by our own door."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.AFTER_RESERVE, order_id)
    await activations.start(order_id, 123)
    await hold.reached()
    said = Intervention("ana", "the customer could not install STOCK-1")
    telling = Telling(watch.client, task_queue)
    asking = asyncio.create_task(operations.cancel(engine, telling, order_id, said))
    await asyncio.wait_for(telling.told.wait(), 30)
    hold.release()
    await asyncio.wait([asking])
    query = "SELECT string_agg(CAST(payload AS text), ' ') FROM esim_provisioning_events"
    assert "STOCK-1" not in await value(engine, query)
    assert "STOCK-1" not in (await watch.handle(order_id).fetch_history()).to_json()


async def test_a_cancel_after_assignment_comes_too_late(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """The customer has the eSIM: the cancel changes nothing and says that it ended."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.ended(order_id)
    assert await activations.cancel(order_id, ANA) is Started.ENDED
    assert await watch.status(order_id) == "ACTIVATED"


async def test_a_cancelled_activation_stays_cancelled(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """Another start of a cancelled order takes nothing from stock."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await activations.cancel(order_id, ANA)
    await watch.ended(order_id)
    assert await activations.start(order_id, 123) is Started.ENDED
    assert await _free(engine)


async def test_a_cancel_lets_go_of_what_a_lost_run_held(
    engine: AsyncEngine, activations: Activations, watch: Watch, pause_points_dir: Path
) -> None:
    """Reserved, then terminated: a new run that only cancels frees the item all the same."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.AFTER_RESERVE, order_id)
    await activations.start(order_id, 123)
    await hold.reached()
    await watch.handle(order_id).terminate("by mistake")
    assert await watch.status(order_id) == "RESERVED"
    await activations.cancel(order_id, ANA)
    assert await watch.ended(order_id) == "cancelled"
    hold.release()
    assert await watch.status(order_id) == "CANCELLED"
    assert await _free(engine)


async def test_a_cancel_of_a_parked_order_retires_what_was_bought_for_it(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """A purchase that turned up while the order was parked is not left reserved."""
    partner.answer = answering(400, {})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.step(order_id, Step.PARKED)
    await run(
        engine,
        "INSERT INTO esim_inventory (plan_id, activation_code, status, order_id, reserved_at,"
        " provider) VALUES (123, '1$smdp.example.com$LATE', 'RESERVED', :id, now(), 'PARTNER')",
        id=order_id,
    )
    await activations.cancel(order_id, ANA)
    assert await watch.ended(order_id) == "cancelled"
    [item] = await rows(engine, "SELECT status, order_id FROM esim_inventory")
    assert (item["status"], item["order_id"]) == ("RETIRED", order_id)


async def test_a_cancel_in_temporal_is_heard_although_the_purchase_fails(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    pause_points_dir: Path,
    partner: PartnerServer,
) -> None:
    """The refusal that comes back does not park what was cancelled meanwhile."""
    partner.answer = answering(400, {})
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.BEFORE_SEND, order_id)
    await activations.start(order_id, 123)
    await hold.reached()
    await watch.handle(order_id).cancel()
    hold.release()
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(watch.handle(order_id).result(), 30)
    assert await watch.status(order_id) == "CANCELLED"


@pytest.mark.parametrize("timeout_seconds", [0.5])
@pytest.mark.history("needs-review-then-cancelled")
async def test_an_order_in_review_that_is_cancelled_ends_once_a_person_has_decided(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """The customer's part is over at once; the run stays for the purchase that is in doubt."""
    partner.answer = partner.book_then_hang
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.until(order_id, "status = 'NEEDS_REVIEW'")
    await watch.step(order_id, Step.PARKED)
    await activations.cancel(order_id, ANA)
    await watch.until(order_id, "status = 'CANCELLED'")
    assert (await watch.handle(order_id).describe()).close_time is None
    await run(
        engine,
        "UPDATE provider_intents SET state = 'RESOLVED', resolution = 'ABSENT',"
        " resolved_by = 'ana', resolved_reason = 'not booked', closed_at = now()",
    )
    await activations.tell_of_purchase(order_id)
    assert await watch.ended(order_id) == "cancelled"
