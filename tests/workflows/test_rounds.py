"""Rounds that fail, and what the next one does: nothing is bought or reserved twice."""

from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.pause_points import PausePoint
from domain.purchase import Ambiguity
from tests.holds import Hold
from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import answering
from tests.rows import paid_order, rows, run, stock_item, value
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import Intervention, Step

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

ANA = Intervention("ana", "the partner is back")
DOWN = answering(503, {"error": "maintenance"})


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
    partner.answer = answering(400, {"error": "no such plan"})
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
    assert (asked["actor"], asked["payload"]) == ("ana", {"reason": ANA.reason, "door": "api"})


@pytest.mark.parametrize("timeout_seconds", [0.5])
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


@pytest.mark.parametrize("timeout_seconds", [0.5])
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


@pytest.mark.parametrize("timeout_seconds", [0.5])
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


async def test_faulty_stock_is_retired_and_the_next_item_taken_in_the_same_round(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """What nobody could install leaves the shelf with its reason, and costs no order a round."""
    await run(
        engine,
        "INSERT INTO esim_inventory (plan_id, activation_code, qr_payload) VALUES"
        " (123, 'has a space', NULL), (123, '1$a.example$AB-1', 'LPA:1$a.example$AB-2')",
    )
    good = await stock_item(engine)
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    assert await watch.ended(order_id) == "activated"
    [profile] = await rows(engine, "SELECT inventory_item_id, failed_rounds FROM esim_profiles")
    assert profile == {"inventory_item_id": good, "failed_rounds": 0}
    retired = await rows(
        engine,
        "SELECT retired_reason FROM esim_inventory WHERE status = 'RETIRED' AND order_id IS NULL"
        " AND retired_at IS NOT NULL ORDER BY id",
    )
    assert [row["retired_reason"][-20:] for row in retired] == [
        "r one outside ASCII.",
        " different profiles.",
    ]
    kinds = await watch.kinds(order_id)
    assert kinds[:4] == ["activation_started", *["inventory_retired"] * 2, "inventory_reserved"]


async def test_after_faulty_stock_the_provider_is_asked_in_the_same_round(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """An order that finds nothing but faulty items buys at once."""
    await run(
        engine, "INSERT INTO esim_inventory (plan_id, activation_code) VALUES (123, 'has a space')"
    )
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    assert await watch.ended(order_id) == "activated"
    assert await value(engine, "SELECT failed_rounds FROM esim_profiles") == 0
    bought = "SELECT provider FROM esim_inventory WHERE order_id = :id"
    assert await value(engine, bought, id=order_id) == "CONNECTED_YOU"


@pytest.mark.history("faulty-stock-then-retried")
async def test_an_item_that_is_spoilt_while_it_is_held_is_retired(
    engine: AsyncEngine, activations: Activations, watch: Watch, pause_points_dir: Path
) -> None:
    """Somebody changes its code between reserve and apply: the next round takes another."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.AFTER_RESERVE, order_id)
    await activations.start(order_id, 123)
    await hold.reached()
    await run(
        engine, "UPDATE esim_inventory SET activation_code = 'has a space', qr_payload = NULL"
    )
    good = await stock_item(engine, 2)
    hold.release()
    await watch.step(order_id, Step.WAITING)
    await activations.retry(order_id, ANA)
    assert await watch.ended(order_id) == "activated"
    assert await value(engine, "SELECT inventory_item_id FROM esim_profiles") == good
    assert await value(engine, "SELECT count(*) FROM esim_inventory WHERE status = 'RETIRED'") == 1
