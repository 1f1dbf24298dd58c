"""Paying with the MOCK provider: intents, reports in any order, refunds."""

import asyncio

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from local.temporal import TemporalServer
from tests.api.asking import activate
from tests.api.server import app_settings, serving
from tests.api.tokens import bearer
from tests.rows import rows, run, stock_item, value
from tests.workflows.conftest import Watch


async def ordered(customer: httpx.AsyncClient) -> int:
    """A new order that is not paid."""
    order_id: int = (await customer.post("/api/orders", json={"plan_id": 123})).json()["id"]
    return order_id


async def intent(customer: httpx.AsyncClient, order_id: int) -> str:
    """The intent to pay for it."""
    answer = await customer.post("/api/payments/create", json={"order_id": order_id})
    assert answer.status_code == 200, answer.text
    intent_id: str = answer.json()["intent_id"]
    return intent_id


async def report(anybody: httpx.AsyncClient, intent_id: str, status: str) -> httpx.Response:
    """What the MOCK provider says of it."""
    body = {"provider": "MOCK", "intent_id": intent_id, "status": status}
    return await anybody.post("/api/payments/webhook?provider=MOCK", json=body)


async def test_a_payment_makes_an_order_paid(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Create answers in the shape that clients know; the report settles order and intent."""
    order_id = await ordered(customer)
    created = await customer.post("/api/payments/create", json={"order_id": order_id})
    body = created.json()
    assert len(body.pop("intent_id")) > 30
    assert body == {
        "status": "pending",
        "provider": "MOCK",
        "amount_minor_units": 1000,
        "currency": "USD",
    }
    paid = await report(customer, created.json()["intent_id"], "succeeded")
    assert (paid.status_code, paid.json()) == (
        200,
        {"status": "processed", "intent_status": "succeeded"},
    )
    [order] = await rows(engine, "SELECT status, paid_at FROM orders")
    assert order["status"] == "PAID"
    assert order["paid_at"] is not None


async def test_an_order_has_one_pending_intent(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Asking again, even many at once, gives the intent that is under way."""
    order_id = await ordered(customer)
    intents = await asyncio.gather(*(intent(customer, order_id) for _ in range(20)))
    assert len(set(intents)) == 1
    assert await value(engine, "SELECT count(*) FROM payments") == 1


REPORTS = {
    ("succeeded", "succeeded"): ("SUCCEEDED", "PAID"),
    ("failed",): ("FAILED", "PAYMENT_FAILED"),
    ("failed", "succeeded"): ("SUCCEEDED", "PAID"),
    ("succeeded", "failed"): ("SUCCEEDED", "PAID"),
    ("failed", "failed", "succeeded", "failed"): ("SUCCEEDED", "PAID"),
}


async def test_reports_may_come_twice_and_in_any_order(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """A payment only moves forward; a report that would move it back changes nothing."""
    for reports, (payment, order) in REPORTS.items():
        order_id = await ordered(customer)
        intent_id = await intent(customer, order_id)
        for status in reports:
            assert (await report(customer, intent_id, status)).status_code == 200
        [found] = await rows(
            engine,
            "SELECT p.status AS payment, o.status AS order FROM payments p"
            " JOIN orders o ON o.id = p.order_id WHERE o.id = :id",
            id=order_id,
        )
        assert (reports, found) == (reports, {"payment": payment, "order": order})


async def test_parallel_reports_pay_once(customer: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """Twenty reports of one success: one event, one payment, every answer the same."""
    intent_id = await intent(customer, await ordered(customer))
    answers = await asyncio.gather(*(report(customer, intent_id, "succeeded") for _ in range(20)))
    assert {answer.text for answer in answers} == {
        '{"status":"processed","intent_status":"succeeded"}'
    }
    kinds = await rows(engine, "SELECT kind FROM esim_provisioning_events ORDER BY id")
    assert [row["kind"] for row in kinds] == ["order_created", "payment_succeeded"]


async def test_a_second_payment_of_one_order_does_not_count(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """A failed attempt that succeeds after another one paid is left for a person to refund."""
    order_id = await ordered(customer)
    first = await intent(customer, order_id)
    await report(customer, first, "failed")
    second = await intent(customer, order_id)
    await report(customer, second, "succeeded")
    for _ in range(3):  # a sender that heard no answer repeats itself
        late = await report(customer, first, "succeeded")
        assert (late.status_code, late.json()["intent_status"]) == (200, "failed")
    [note] = await rows(
        engine, "SELECT error_code FROM esim_provisioning_events WHERE kind = 'request_ignored'"
    )
    assert note["error_code"] == "second-payment"


@pytest.mark.usefixtures("worker")
async def test_the_refund_of_a_second_payment_leaves_the_activation_alone(
    customer: httpx.AsyncClient, engine: AsyncEngine, watch: Watch
) -> None:
    """The order stays paid and becomes an eSIM; a refund of the payment that counts ends it."""
    order_id = await ordered(customer)
    first = await intent(customer, order_id)
    await report(customer, first, "failed")
    second = await intent(customer, order_id)
    await report(customer, second, "succeeded")
    await report(customer, first, "succeeded")
    for _ in range(2):
        refunded = await report(customer, first, "refunded")
        assert (refunded.status_code, refunded.json()["intent_status"]) == (200, "refunded")
    assert await value(engine, "SELECT status FROM orders") == "PAID"
    await stock_item(engine)
    assert (await activate(customer, order_id)).status_code == 200
    assert await watch.ended(order_id) == "activated"
    assert "cancel_requested" not in await watch.kinds(order_id)


async def test_the_refund_of_a_payment_that_never_counted_leaves_a_paid_order(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """An order that was paid by other means is not undone by an intent that never succeeded."""
    order_id = await ordered(customer)
    never = await intent(customer, order_id)
    await run(engine, "UPDATE orders SET status = 'PAID', paid_at = now()")
    assert (await report(customer, never, "refunded")).status_code == 200
    assert await value(engine, "SELECT status FROM orders") == "PAID"


async def test_no_money_is_taken_for_a_cancelled_activation(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """409 instead of an intent: it could never become an eSIM."""
    order_id = await ordered(customer)
    await run(engine, "UPDATE esim_profiles SET status = 'CANCELLED'")
    answer = await customer.post("/api/payments/create", json={"order_id": order_id})
    assert (answer.status_code, answer.json()["code"]) == (409, "activation-cancelled")
    assert await value(engine, "SELECT count(*) FROM payments") == 0


@pytest.mark.usefixtures("worker")
async def test_money_that_comes_after_a_cancel_is_marked_for_refund(
    customer: httpx.AsyncClient, engine: AsyncEngine, watch: Watch
) -> None:
    """Payment and order say what happened, one event that it is to be refunded; no eSIM."""
    await stock_item(engine)
    order_id = await ordered(customer)
    intent_id = await intent(customer, order_id)
    await run(engine, "UPDATE esim_profiles SET status = 'CANCELLED'")
    for _ in range(2):
        paid = await report(customer, intent_id, "succeeded")
        assert (paid.status_code, paid.json()["intent_status"]) == (200, "succeeded")
    [note] = await rows(
        engine, "SELECT * FROM esim_provisioning_events WHERE kind = 'payment_succeeded'"
    )
    assert note["error_code"] == "paid-after-cancellation"
    assert "refund" in note["error"]
    assert await value(engine, "SELECT status FROM orders") == "PAID"
    answer = await activate(customer, order_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "activation-cancelled")
    assert await value(engine, "SELECT status FROM esim_inventory") == "AVAILABLE"
    assert (await report(customer, intent_id, "refunded")).status_code == 200
    assert await watch.ended(order_id) == "cancelled"
    assert await value(engine, "SELECT status FROM orders") == "REFUNDED"


async def test_an_unknown_intent_is_404(customer: httpx.AsyncClient) -> None:
    """Nobody can guess one."""
    answer = await report(customer, "pi_guess", "succeeded")
    assert (answer.status_code, answer.json()["code"]) == (404, "payment-not-found")


async def test_a_paid_order_is_not_paid_again(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """409 instead of a new intent."""
    order_id = await ordered(customer)
    await report(customer, await intent(customer, order_id), "succeeded")
    again = await customer.post("/api/payments/create", json={"order_id": order_id})
    assert (again.status_code, again.json()["code"]) == (409, "order-already-paid")
    assert await value(engine, "SELECT count(*) FROM payments") == 1


@pytest.mark.usefixtures("worker")
async def test_a_refund_before_activation_cancels_it(
    customer: httpx.AsyncClient, engine: AsyncEngine, watch: Watch
) -> None:
    """Order refunded, profile cancelled, stock untouched; POST says so; a repeat is harmless."""
    await stock_item(engine)
    order_id = await ordered(customer)
    intent_id = await intent(customer, order_id)
    await report(customer, intent_id, "succeeded")
    assert (await report(customer, intent_id, "refunded")).json()["intent_status"] == "refunded"
    assert await watch.ended(order_id) == "cancelled"
    assert (await report(customer, intent_id, "refunded")).status_code == 200
    assert (await report(customer, intent_id, "succeeded")).json()["intent_status"] == "refunded"
    assert await value(engine, "SELECT status FROM orders") == "REFUNDED"
    assert await value(engine, "SELECT status FROM esim_inventory") == "AVAILABLE"
    answer = await activate(customer, order_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "activation-cancelled")
    kinds = await watch.kinds(order_id)
    assert kinds.count("payment_refunded") == 1
    assert kinds[-1] == "cancelled"


@pytest.mark.usefixtures("worker")
async def test_a_refund_after_activation_leaves_the_esim(
    customer: httpx.AsyncClient, engine: AsyncEngine, watch: Watch
) -> None:
    """Assigned is assigned: the customer keeps what was shown, the order is refunded."""
    await stock_item(engine)
    order_id = await ordered(customer)
    intent_id = await intent(customer, order_id)
    await report(customer, intent_id, "succeeded")
    assert (await activate(customer, order_id)).status_code == 200
    assert (await report(customer, intent_id, "refunded")).status_code == 200
    assert await watch.status(order_id) == "ACTIVATED"
    assert await value(engine, "SELECT status FROM orders") == "REFUNDED"


async def test_a_refund_that_cannot_cancel_yet_is_to_be_repeated(
    customer: httpx.AsyncClient, engine: AsyncEngine, database_url: str
) -> None:
    """Temporal away: the refund is on record, the answer is 503, so the sender repeats it."""
    intent_id = await intent(customer, await ordered(customer))
    await report(customer, intent_id, "succeeded")
    with serving(app_settings(database_url, "127.0.0.1:1")) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as sender:
            answer = await report(sender, intent_id, "refunded")
    assert (answer.status_code, answer.json()["retryable"]) == (503, True)
    assert await value(engine, "SELECT status FROM orders") == "REFUNDED"


async def test_where_orders_are_paid_elsewhere_nobody_can_say_that_one_is(
    database_url: str, temporal_server: TemporalServer
) -> None:
    """`PAYMENT_PROVIDER=NONE`: the MOCK endpoints are not there."""
    settings = app_settings(database_url, temporal_server.address, payment_provider="NONE")
    with serving(settings) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30, headers=bearer(1)) as client:
            for path in ("create", "webhook"):
                assert (await client.post(f"/api/payments/{path}", json={})).status_code == 404
