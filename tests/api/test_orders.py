"""Placing orders and reading them back."""

import asyncio

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.tokens import bearer
from tests.rows import rows, run, value

SNAPSHOT = {
    "id": 123,
    "name": "Spain 5GB",
    "description": None,
    "country_id": 1,
    "country_name": "Spain",
    "country_iso2": "ES",
    "carrier_id": 1,
    "carrier_name": "Orange",
    "data_gb": 5.0,
    "duration_days": 30,
    "price_minor_units": 1000,
    "currency": "USD",
    "external_id": "ES-5GB",
}


async def test_an_order_is_answered_in_the_shape_that_clients_know(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """200 with price and plan as they are now, and a pre-registered profile."""
    answer = await customer.post("/api/orders", json={"plan_id": 123})
    assert answer.status_code == 200, answer.text
    order = answer.json()
    assert order["plan_snapshot"] == SNAPSHOT
    assert (order["plan_id"], order["status"], order["currency"]) == (123, "created", "USD")
    assert (order["amount_minor_units"], order["amount_major"]) == (1000, "10.00")
    assert order["esim_profile"]["status"] == "pending_activation"
    assert order["esim_profile"]["country_id"] == 1
    assert order["esim_profile"]["activation_code"] is None
    events = await rows(engine, "SELECT kind, actor FROM esim_provisioning_events")
    assert events == [{"kind": "order_created", "actor": "customer:1"}]


async def test_a_key_gives_the_same_order_again(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """The replay equals the first answer and says so, even after a change of price."""
    headers = {"Idempotency-Key": "checkout-1"}
    first = await customer.post("/api/orders", json={"plan_id": 123}, headers=headers)
    await run(engine, "UPDATE plans SET price_minor_units = 2000")
    second = await customer.post("/api/orders", json={"plan_id": 123}, headers=headers)
    assert second.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"


async def test_a_key_places_one_order_however_many_send_it_at_once(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Thirty parallel requests: one order, one profile, one answer."""
    headers = {"Idempotency-Key": "checkout-1"}
    answers = await asyncio.gather(
        *(customer.post("/api/orders", json={"plan_id": 123}, headers=headers) for _ in range(30))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await value(engine, "SELECT count(*) FROM orders") == 1
    assert await value(engine, "SELECT count(*) FROM esim_profiles") == 1


async def test_a_key_belongs_to_its_user_and_its_body(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Another user may use the same key; another body may not."""
    await run(engine, "INSERT INTO users (email) VALUES ('ben@example.com')")
    await run(
        engine,
        "INSERT INTO plans (id, name, price_minor_units) OVERRIDING SYSTEM VALUE"
        " VALUES (7, 'World', 1)",
    )
    key = {"Idempotency-Key": "checkout-1"}
    mine = await customer.post("/api/orders", json={"plan_id": 123}, headers=key)
    other = await customer.post("/api/orders", json={"plan_id": 7}, headers=key)
    bens = await customer.post("/api/orders", json={"plan_id": 7}, headers=key | bearer(2))
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert bens.status_code == 200
    assert bens.json()["id"] != mine.json()["id"]


async def test_a_plan_has_one_currency_and_must_exist(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """422 for another currency, 404 for another plan, and no order of either."""
    wrong = await customer.post("/api/orders", json={"plan_id": 123, "currency": "EUR"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "currency-mismatch")
    for plan_id in (9, 2**63 - 1):
        unknown = await customer.post("/api/orders", json={"plan_id": plan_id})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "plan-not-found")
    assert await value(engine, "SELECT count(*) FROM orders") == 0


async def test_a_currency_without_cents_has_equal_amounts(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """1000 JPY are 1000 minor units."""
    await run(engine, "UPDATE plans SET currency = 'JPY'")
    order = await customer.post("/api/orders", json={"plan_id": 123, "currency": "JPY"})
    assert order.json()["amount_major"] == "1000"


async def test_my_orders_are_mine_newest_first_in_pages(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Each page names the next; the last one does not; nobody else's order is in them."""
    await run(engine, "INSERT INTO users (email) VALUES ('ben@example.com')")
    placed = [
        (await customer.post("/api/orders", json={"plan_id": 123})).json()["id"] for _ in range(5)
    ]
    await customer.post("/api/orders", json={"plan_id": 123}, headers=bearer(2))
    seen, path, pages = [], "/api/orders/mine?limit=2", 0
    while path:
        page = await customer.get(path)
        seen += [order["id"] for order in page.json()]
        path = page.links.get("next", {}).get("url", "")
        pages += 1
    assert seen == placed[::-1]
    assert pages == 3


async def test_one_order_can_be_read(customer: httpx.AsyncClient) -> None:
    """The same as when it was placed."""
    placed = (await customer.post("/api/orders", json={"plan_id": 123})).json()
    assert (await customer.get(f"/api/orders/{placed['id']}")).json() == placed
