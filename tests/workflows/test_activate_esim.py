"""The activation against real Postgres, real Temporal and a partner on loopback."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import WorkflowFailureError

from activities.pause_points import PausePoint
from db.engine import create_engine
from domain.errors import NotWaiting, UnknownProvider
from domain.purchase import Ambiguity
from operations import activations as operations
from tests.deliveries import Message
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


async def test_stock_comes_before_any_provider(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """The item is ASSIGNED and linked, the profile activated, and nobody is called."""
    item_id = await stock_item(engine)
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    assert await watch.ended(order_id) == "activated"
    [item] = await rows(engine, "SELECT * FROM esim_inventory")
    [profile] = await rows(engine, "SELECT * FROM esim_profiles")
    assert (item["id"], item["status"], item["order_id"]) == (item_id, "ASSIGNED", order_id)
    assert profile["inventory_item_id"] == item_id
    assert profile["activation_code"] == item["activation_code"]
    assert partner.connections == 0
    assert await watch.kinds(order_id) == [
        "activation_started",
        "inventory_reserved",
        "profile_assigned",
        "profile_activated",
    ]


@pytest.mark.history("stock-hit")
async def test_a_stock_hit_needs_one_workflow_task(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """The database steps run inside the task: no activity is scheduled on the server."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.ended(order_id)
    types = await watch.history_types(order_id)
    assert types.count("workflow_task_started_event_attributes") == 1
    assert types.count("marker_recorded_event_attributes") == 2
    assert types.count("upsert_workflow_search_attributes_event_attributes") == 1
    assert "activity_task_scheduled_event_attributes" not in types


@pytest.mark.history("bought")
async def test_without_stock_the_provider_sells_one(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """One call; what was bought becomes an inventory row linked to intent and profile."""
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    assert await watch.ended(order_id) == "activated"
    [item] = await rows(engine, "SELECT * FROM esim_inventory")
    [intent] = await rows(engine, "SELECT * FROM provider_intents")
    assert (item["status"], item["provider"]) == ("ASSIGNED", "CONNECTED_YOU")
    assert (intent["state"], intent["inventory_item_id"]) == ("CONFIRMED", item["id"])
    assert intent["reference"] == f"order-{order_id}"
    assert len(partner.requests) == 1
    assert "purchase_confirmed" in await watch.kinds(order_id)


@pytest.mark.history("failed-then-retried")
async def test_an_outage_fails_the_round_and_a_bare_signal_completes_it(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """Pending with a reason and nothing reserved; `retry` without input is enough to go on."""
    partner.answer = DOWN
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.until(order_id, "failed_rounds = 1")
    [profile] = await rows(engine, "SELECT * FROM esim_profiles")
    assert (profile["status"], profile["failure_code"]) == (
        "PENDING_ACTIVATION",
        "provider-unavailable",
    )
    assert await value(engine, "SELECT count(*) FROM esim_inventory") == 0
    partner.answer = partner.sell
    await watch.step(order_id, Step.WAITING)
    await watch.handle(order_id).signal("retry")
    assert await watch.ended(order_id) == "activated"
    assert "retry_requested" in await watch.kinds(order_id)
    assert (await rows(engine, "SELECT * FROM esim_profiles"))[0]["failure_code"] is None


@pytest.mark.history("parked-then-retried")
async def test_a_definite_refusal_parks_at_once(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """One attempt, then provisioning_failed; a retry by a person goes on from there."""
    partner.answer = answering(401, {"error": "bad key"})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.until(order_id, "status = 'PROVISIONING_FAILED'")
    assert len(partner.requests) == 1
    partner.answer = partner.sell
    await watch.step(order_id, Step.PARKED)
    await activations.retry(order_id, ANA)
    assert await watch.ended(order_id) == "activated"
    [asked] = await rows(
        engine,
        "SELECT actor, payload FROM esim_provisioning_events WHERE kind = 'retry_requested'",
    )
    assert (asked["actor"], asked["payload"]) == ("ana", {"reason": ANA.reason})


async def test_an_unknown_outcome_is_never_bought_again(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """The partner booked and never answered: needs_review, and a retry does not call it."""
    partner.answer = partner.book_then_hang
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.until(order_id, "status = 'NEEDS_REVIEW'")
    await watch.step(order_id, Step.PARKED)
    await activations.retry(order_id, ANA)
    await watch.until(order_id, "failed_rounds = 2 AND status = 'NEEDS_REVIEW'")
    assert len(partner.requests) == 1
    assert await value(engine, "SELECT state FROM provider_intents") == "UNKNOWN"


@pytest.mark.parametrize("ambiguity", [Ambiguity.LOOKUP])
async def test_a_provider_that_can_be_asked_is_asked_before_anything_is_sent_again(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """The look-up finds the booked order: one purchase request, and its code is delivered."""
    partner.answer = partner.book_then_hang
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.until(order_id, "failed_rounds = 1")
    partner.answer = partner.sell
    await watch.step(order_id, Step.WAITING)
    await activations.retry(order_id, ANA)
    assert await watch.ended(order_id) == "activated"
    assert [one.method for one in partner.requests].count("POST") == 1
    assert len(partner.orders) == 1


@pytest.mark.parametrize("ambiguity", [Ambiguity.IDEMPOTENT])
async def test_an_idempotent_provider_is_sent_the_same_reference_again(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """Every repetition carries the first reference, and one order is booked."""
    partner.answer = partner.book_then_hang
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.until(order_id, "failed_rounds = 1")
    partner.answer = partner.sell
    await watch.step(order_id, Step.WAITING)
    await activations.retry(order_id, ANA)
    assert await watch.ended(order_id) == "activated"
    assert {one.json["orderReference"] for one in partner.requests} == {f"order-{order_id}"}
    assert await value(engine, "SELECT count(*) FROM provider_intents") == 1


@pytest.mark.history("exhausted-then-stocked")
async def test_an_exhausted_activation_takes_stock_that_arrives(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """No stock anywhere parks as exhausted; after an import a nudge is all it needs."""
    partner.answer = answering(422, {"error": "out_of_stock"})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.until(order_id, "status = 'EXHAUSTED'")
    item_id = await stock_item(engine)
    await activations.nudge(order_id, Intervention("stock-import", "stock arrived"))
    assert await watch.ended(order_id) == "activated"
    assert await value(engine, "SELECT inventory_item_id FROM esim_profiles") == item_id


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
    await run(engine, "DELETE FROM esim_profiles")  # by hand: as if nothing had come of it
    with pytest.raises(NotWaiting, match="The activation has ended"):
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
    with pytest.raises(UnknownProvider, match="AIRALO here; there is: CONNECTED_YOU"):
        await activations.retry(order_id, elsewhere)
    await activations.nudge(order_id, elsewhere)
    async with asyncio.timeout(30):
        while "request_ignored" not in await watch.kinds(order_id):
            await asyncio.sleep(0.02)
    [ignored] = await rows(
        engine,
        "SELECT actor, payload FROM esim_provisioning_events WHERE kind = 'request_ignored'",
    )
    assert ignored["actor"] == "ana"
    refusal = "There is no provider AIRALO here; there is: CONNECTED_YOU."
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
    partner.answer = answering(401, {})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.step(order_id, Step.PARKED)
    partner.answer = partner.sell
    await activations.nudge(order_id, Intervention("ana", "try", provider=" connected_you "))
    assert await watch.ended(order_id) == "activated"


@pytest.mark.history("sent-to-the-customer")
@pytest.mark.parametrize("delivery", [Message()])
async def test_a_delivery_that_sends_something_is_a_step_of_its_own(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """Assigned first, activated once it was sent."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    assert await watch.ended(order_id) == "activated"
    assert await watch.kinds(order_id) == [
        "activation_started",
        "inventory_reserved",
        "profile_assigned",
        "profile_activated",
    ]
    assert (await watch.history_types(order_id)).count("marker_recorded_event_attributes") == 3


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


@pytest.mark.history("not-paid-yet-then-restarted")
async def test_an_order_that_is_not_paid_yet_can_be_activated_later(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """Started too early, the run fails and the profile stays as it was; paid, it activates."""
    await stock_item(engine)
    order_id = await paid_order(engine, status="CREATED")
    await activations.start(order_id, 123)
    with pytest.raises(WorkflowFailureError):
        await watch.handle(order_id).result()
    assert await watch.status(order_id) == "PENDING_ACTIVATION"
    await run(engine, "UPDATE orders SET status = 'PAID', paid_at = now()")
    assert await activations.restart(order_id) is Started.RUNNING
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


async def test_a_held_item_that_another_hand_took_is_replaced_in_the_next_round(
    engine: AsyncEngine, activations: Activations, watch: Watch, pause_points_dir: Path
) -> None:
    """Retired by hand between reserve and apply: the round fails, the next takes another item."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.AFTER_RESERVE, order_id)
    await activations.start(order_id, 123)
    await hold.reached()
    await run(engine, "UPDATE esim_inventory SET status = 'RETIRED', order_id = NULL")
    second = await stock_item(engine, 2)
    hold.release()
    await watch.step(order_id, Step.WAITING)
    await activations.retry(order_id, ANA)
    assert await watch.ended(order_id) == "activated"
    assert await value(engine, "SELECT inventory_item_id FROM esim_profiles") == second


async def test_while_the_database_is_away_the_step_waits_outside_the_workflow_task(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    postgres_url: str,
    database_url: str,
) -> None:
    """It becomes an activity of its own, which finishes the order once the database is back."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    name = make_url(database_url).database
    admin = create_engine(postgres_url)
    async with admin.connect() as connection:
        direct = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await direct.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await direct.exec_driver_sql(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        await activations.start(order_id, 123)
        async with asyncio.timeout(60):
            while "activity_task_scheduled_event_attributes" not in (
                await watch.history_types(order_id)
            ):
                await asyncio.sleep(0.2)
        await direct.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await admin.dispose()
    assert await watch.ended(order_id) == "activated"


async def test_a_reason_that_postgres_cannot_store_does_not_end_the_wait(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """NUL and half a surrogate pair come by Temporal's CLI; the order completes all the same."""
    partner.answer = answering(401, {})
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


async def test_starting_twice_runs_once(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """A second start finds the ended run and says so; nothing is taken twice."""
    await stock_item(engine)
    await stock_item(engine, 2)
    order_id = await paid_order(engine)
    assert await activations.start(order_id, 123) is Started.RUNNING
    await watch.ended(order_id)
    assert await activations.start(order_id, 123) is Started.ENDED
    assert await value(engine, "SELECT count(*) FROM esim_inventory WHERE status = 'ASSIGNED'") == 1


async def test_a_terminated_activation_can_be_restarted(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """Retry starts a new run where none is left, and the database tells it where to go on."""
    partner.answer = answering(401, {})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.until(order_id, "status = 'PROVISIONING_FAILED'")
    await watch.handle(order_id).terminate("by mistake")
    partner.answer = partner.sell
    await operations.retry(engine, activations, order_id, ANA)
    assert await watch.ended(order_id) == "activated"


@pytest.mark.history("faulty-stock-then-retried")
async def test_faulty_stock_is_retired_and_the_next_item_taken(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """A row that nobody could install leaves the shelf instead of failing order after order."""
    await run(
        engine,
        "INSERT INTO esim_inventory (plan_id, activation_code) VALUES (123, 'has a space')",
    )
    good = await stock_item(engine)
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.step(order_id, Step.WAITING)
    await activations.retry(order_id, ANA)
    assert await watch.ended(order_id) == "activated"
    assert await value(engine, "SELECT inventory_item_id FROM esim_profiles") == good
    assert await value(engine, "SELECT count(*) FROM esim_inventory WHERE status = 'RETIRED'") == 1


async def test_an_order_without_a_profile_gets_one(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """An order written by hand activates like any other."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await run(engine, "DELETE FROM esim_profiles")
    await activations.start(order_id)
    assert await watch.ended(order_id) == "activated"
