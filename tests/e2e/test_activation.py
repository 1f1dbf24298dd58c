"""The main path as a shop takes it, one order and many at once."""

import asyncio

import pytest

from tests.e2e.invariants import broken
from tests.e2e.stack import Customer, Stack
from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import answering
from tests.rows import rows, run, value

pytestmark = pytest.mark.stack

DOCUMENTED_INSERT = """
INSERT INTO esim_inventory (plan_id, carrier_id, country_id, activation_code, iccid, qr_payload,
    instructions)
VALUES (123, NULL, NULL, 'INV-ABC123', '89010000000000000123', 'LPA:1$INV-ABC123',
    'Install via device settings')
"""


async def _stock(stack: Stack, plan_id: int, count: int, tag: str) -> None:
    await run(
        stack.engine,
        "INSERT INTO esim_inventory (plan_id, activation_code)"
        " SELECT :plan, '1$smdp.example.com$' || :tag || '-' || n"
        " FROM generate_series(1, :count) AS n",
        plan=plan_id,
        tag=tag,
        count=count,
    )


async def _bare_plan(stack: Stack) -> int:
    """A plan that no stock and no other test knows."""
    query = (
        "WITH plan AS (INSERT INTO plans (name, price_minor_units, external_id)"
        " VALUES ('Test', 100, 'TEST-1') RETURNING id) SELECT id FROM plan"
    )
    async with stack.engine.begin() as connection:
        found: int = (await connection.exec_driver_sql(query)).scalar_one()
        return found


async def test_the_documented_item_is_assigned_and_asking_twice_changes_nothing(
    stack: Stack, customer: Customer
) -> None:
    """Stock first: that row ASSIGNED and linked, and the second answer is the first one."""
    await run(stack.engine, DOCUMENTED_INSERT)
    order_id = await customer.buy(123)
    first = await customer.activate(order_id)
    second = await customer.activate(order_id)
    assert (first.status_code, second.status_code) == (200, 200), first.text
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.json()["qr_payload"] == "LPA:1$INV-ABC123"
    [item] = await rows(
        stack.engine, "SELECT * FROM esim_inventory WHERE activation_code = 'INV-ABC123'"
    )
    assert (item["status"], item["order_id"]) == ("ASSIGNED", order_id)
    assert item["assigned_at"] is not None
    assert first.json()["inventory_item_id"] == item["id"]


async def test_without_stock_the_provider_sells_and_an_inventory_row_is_linked(
    stack: Stack, customer: Customer, partner: PartnerServer
) -> None:
    """A synthetic row stands behind what was bought."""
    order_id = await customer.buy(await _bare_plan(stack))
    answer = await customer.activate(order_id)
    assert answer.status_code == 200, answer.text
    [item] = await rows(
        stack.engine,
        "SELECT * FROM esim_inventory WHERE id = :id",
        id=answer.json()["inventory_item_id"],
    )
    assert (item["status"], item["provider"]) == ("ASSIGNED", "CONNECTED_YOU")
    assert f"order-{order_id}" in partner.orders


async def test_a_provider_outage_is_a_502_until_somebody_retries(
    stack: Stack, customer: Customer, partner: PartnerServer
) -> None:
    """Friendly problem, pending, nothing reserved, workflow alive; `esimctl retry` completes."""
    partner.answer = answering(503, {})
    order_id = await customer.buy(await _bare_plan(stack))
    try:
        failed = await customer.activate(order_id)
    finally:
        partner.answer = partner.sell
    problem = failed.json()
    assert failed.status_code == 502
    assert "unable to provision" in problem["detail"].lower()
    assert problem["retryable"] is True
    [profile] = await rows(
        stack.engine, "SELECT * FROM esim_profiles WHERE order_id = :id", id=order_id
    )
    assert (profile["status"], profile["inventory_item_id"]) == ("PENDING_ACTIVATION", None)
    await stack.esimctl("retry", str(order_id), "--reason", "the partner is back")
    [profile] = await stack.settled([order_id])
    assert profile["status"] == "ACTIVATED"
    assert (await customer.activate(order_id)).status_code == 200


async def test_fifty_parallel_posts_make_one_activation_every_time(
    stack: Stack, customer: Customer, partner: PartnerServer
) -> None:
    """Twenty times over, half of them from stock: one eSIM, one purchase at most, one answer."""
    bare = await _bare_plan(stack)
    await _stock(stack, 123, 10, "PARALLEL")
    for plan_id in [123, bare] * 10:
        order_id = await customer.buy(plan_id)
        answers = await asyncio.gather(*(customer.activate(order_id) for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        esims = [answer.json() for answer in answers]
        assert len({(esim["id"], esim["activation_code"]) for esim in esims}) == 1
        assert (
            await value(
                stack.engine,
                "SELECT count(*) FROM esim_inventory WHERE order_id = :id",
                id=order_id,
            )
            == 1
        )
        calls = [one for one in partner.requests if f"order-{order_id}" in one.body.decode()]
        assert len([one for one in calls if one.json["orderReference"] == f"order-{order_id}"]) == (
            plan_id == bare
        )
    assert await broken(stack.engine) == []


async def test_two_hundred_orders_on_a_hundred_and_fifty_items(
    stack: Stack, customer: Customer
) -> None:
    """A hundred and fifty from stock, fifty bought, no item twice."""
    plan_id = await _bare_plan(stack)
    await _stock(stack, plan_id, 150, "CROWD")
    orders = [await customer.buy(plan_id) for _ in range(200)]
    await asyncio.gather(*(customer.activate(order_id) for order_id in orders))
    profiles = await stack.settled(orders)
    items = [row["inventory_item_id"] for row in profiles]
    assert len(set(items)) == 200
    bought = await value(
        stack.engine,
        "SELECT count(*) FROM esim_inventory WHERE id = ANY(:items) AND provider IS NOT NULL",
        items=items,
    )
    assert bought == 50
    assert await broken(stack.engine) == []


async def test_a_refund_of_a_waiting_order_cancels_it(
    stack: Stack, customer: Customer, partner: PartnerServer
) -> None:
    """The payment provider's refund ends the activation; both are in the timeline."""
    partner.answer = answering(400, {})
    order = await customer.post("/api/orders", {"plan_id": await _bare_plan(stack)})
    order_id = order.json()["id"]
    payment = await customer.post("/api/payments/create", {"order_id": order_id})
    intent_id = payment.json()["intent_id"]
    await customer.settle(intent_id, "succeeded")
    try:
        assert (await customer.activate(order_id)).status_code == 502
        await customer.settle(intent_id, "refunded")
        [profile] = await stack.settled([order_id])
    finally:
        partner.answer = partner.sell
    assert profile["status"] == "CANCELLED"
    timeline = (await customer.get(f"/api/activations/{order_id}/timeline")).text
    assert "payment_refunded" in timeline
    assert '"cancelled"' in timeline
