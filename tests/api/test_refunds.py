"""Refunds that a person has made."""

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.test_payments import intent, ordered, report
from tests.rows import rows, value
from tests.workflows.conftest import Watch

REASON = {"reason": "paid twice"}


async def test_a_payment_that_did_not_count_is_given_back(
    customer: httpx.AsyncClient, ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """The payment is refunded, once and in the name of whoever said so; the order stays paid."""
    order_id = await ordered(customer)
    first = await intent(customer, order_id)
    await report(customer, first, "failed")
    second = await intent(customer, order_id)
    for each in (first, second):
        assert (await report(customer, each, "succeeded")).status_code == 200
    event = "SELECT (payload->>'payment_id')::int FROM esim_provisioning_events"
    payment_id = await value(engine, f"{event} WHERE error_code = 'second-payment'")
    for _ in range(2):
        answer = await ops.post(f"/api/admin/payments/{payment_id}/refunded", json=REASON)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["status"], answer.json()["order_status"]) == ("refunded", "paid")
    [told] = await rows(
        engine,
        "SELECT actor, payload FROM esim_provisioning_events WHERE kind = 'payment_refunded'",
    )
    assert told["actor"] == "ana@example.com"
    assert told["payload"] == {"payment_id": payment_id, **REASON}


@pytest.mark.usefixtures("worker")
async def test_a_refund_of_the_payment_that_counts_ends_the_activation(
    customer: httpx.AsyncClient, ops: httpx.AsyncClient, engine: AsyncEngine, watch: Watch
) -> None:
    """As one that the payment provider reports."""
    order_id = await ordered(customer)
    await report(customer, await intent(customer, order_id), "succeeded")
    payment_id = await value(engine, "SELECT id FROM payments")
    answer = await ops.post(f"/api/admin/payments/{payment_id}/refunded", json=REASON)
    assert answer.json()["order_status"] == "refunded"
    assert await watch.ended(order_id) == "cancelled"


async def test_what_nobody_has_paid_is_not_given_back(
    customer: httpx.AsyncClient, ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """A slip of the finger does not refund an order that waits to be paid."""
    await intent(customer, await ordered(customer))
    payment_id = await value(engine, "SELECT id FROM payments")
    answer = await ops.post(f"/api/admin/payments/{payment_id}/refunded", json=REASON)
    assert (answer.status_code, answer.json()["code"]) == (400, "order-not-paid")
    assert await value(engine, "SELECT status FROM orders") == "CREATED"


async def test_an_unknown_payment_is_404(ops: httpx.AsyncClient) -> None:
    """And a blank reason a 422."""
    unknown = await ops.post("/api/admin/payments/7/refunded", json=REASON)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "payment-not-found")
    blank = await ops.post("/api/admin/payments/7/refunded", json={"reason": " "})
    assert blank.status_code == 422
