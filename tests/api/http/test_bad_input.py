"""Bad input: the right 4xx problem each, never a 5xx, and nothing is written."""

from collections.abc import AsyncIterator

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.census import census
from tests.rows import paid_order

ACTIVATE = "/api/esims/activate"
JSON = "application/json"

BAD_BODIES = {
    "zero": b'{"order_id": 0}',
    "negative": b'{"order_id": -1}',
    "beyond 64 bits": b'{"order_id": 9223372036854775808}',
    "beyond any number": b'{"order_id": 1' + b"0" * 5000 + b"}",
    "a string": b'{"order_id": "42"}',
    "a fraction": b'{"order_id": 42.5}',
    "a float": b'{"order_id": 42.0}',
    "a boolean": b'{"order_id": true}',
    "null": b'{"order_id": null}',
    "a list": b'{"order_id": [1]}',
    "not a number": b'{"order_id": NaN}',
    "infinite": b'{"order_id": 1e999}',
    "another field": b'{"id": 42}',
    "no object": b"42",
    "no body": b"",
    "malformed": b'{"order_id": 42',
    "not UTF-8": b'{"order_id": "\xff"}',
    "deep": b"[" * 20_000,
    "900 levels": b'{"order_id": ' + b"[" * 900 + b"]" * 900 + b"}",
}


async def test_a_bad_body_is_422(customer: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """A problem that names the fault, whatever was sent."""
    await paid_order(engine)
    before = await census(engine)
    for name, body in BAD_BODIES.items():
        answer = await customer.post(ACTIVATE, content=body, headers={"Content-Type": JSON})
        assert (name, answer.status_code) == (name, 422)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "invalid-request"
        assert answer.json()["retryable"] is False
    assert await census(engine) == before


async def test_a_fault_names_its_field_and_does_not_quote_the_value(
    customer: httpx.AsyncClient,
) -> None:
    """`errors` lists field and message; what was sent stays out of it."""
    answer = await customer.post(ACTIVATE, json={"order_id": "LPA:1$canary"})
    [fault] = answer.json()["errors"]
    assert fault["field"] == "body.order_id"
    assert "canary" not in answer.text


async def test_another_content_type_is_415(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """JSON under another name is refused."""
    order_id = await paid_order(engine)
    before = await census(engine)
    body = f'{{"order_id": {order_id}}}'.encode()
    for media_type in ("text/plain", "application/xml", "multipart/form-data", None):
        headers = {"Content-Type": media_type} if media_type else {}
        answer = await customer.post(ACTIVATE, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")
    assert await census(engine) == before


async def test_json_as_curl_sends_it_by_default_is_understood(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """A bare `curl -d '{"order_id": 42}'` names a form and means JSON."""
    order_id = await paid_order(engine, status="CREATED")
    answer = await customer.post(
        ACTIVATE,
        content=f'{{"order_id": {order_id}}}'.encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.json()["code"] == "order-not-paid"


async def test_a_huge_body_is_413(customer: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """Announced or sent in chunks: refused, and the client can read why."""
    before = await census(engine)
    huge = b'{"order_id": 1, "x": "' + b"x" * 200_000 + b'"}'
    headers = {"Content-Type": JSON}
    announced = await customer.post(ACTIVATE, content=huge, headers=headers)
    assert (announced.status_code, announced.json()["code"]) == (413, "body-too-large")

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(huge), 50_000):
            yield huge[start : start + 50_000]

    chunked = await customer.post(ACTIVATE, content=chunks(), headers=headers)
    assert chunked.status_code == 413
    assert await census(engine) == before


async def test_an_unpaid_order_is_400(customer: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """As existing clients expect it: 400, and a detail that says "paid"."""
    for status in ("CREATED", "PAYMENT_FAILED", "REFUNDED"):
        order_id = await paid_order(engine, status=status)
        before = await census(engine)
        answer = await customer.post(ACTIVATE, json={"order_id": order_id})
        assert (answer.status_code, answer.json()["code"]) == (400, "order-not-paid")
        assert answer.json()["detail"] == "Order must be paid before activating eSIM"
        assert await census(engine) == before


async def test_a_cancelled_or_expired_esim_is_409(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """It never starts again by itself."""
    order_id = await paid_order(engine)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE esim_profiles SET status = 'CANCELLED'")
    answer = await customer.post(ACTIVATE, json={"order_id": order_id})
    assert (answer.status_code, answer.json()["code"]) == (409, "activation-cancelled")


NO_KEYS = [
    "/api/esims/0",
    "/api/esims/-1",
    "/api/esims/9223372036854775808",
    f"/api/esims/{'9' * 5000}",
    "/api/esims/abc",
    "/api/esims/1%00",
    "/api/orders/9223372036854775808",
    "/api/activations/9223372036854775808",
    "/api/activations/9223372036854775808/events",
    "/api/orders/mine?after=9223372036854775808",
    "/api/orders/mine?limit=0",
    "/api/esims/mine?limit=1000000",
]


async def test_what_names_no_row_is_a_404_or_422(
    customer: httpx.AsyncClient,
) -> None:
    """Never a 500 from a number that no key can be."""
    for path in NO_KEYS:
        answer = await customer.get(path)
        assert (path, answer.status_code) in {(path, 404), (path, 422)}
        assert answer.headers["content-type"] == "application/problem+json"


async def test_unknown_paths_and_methods_are_problems_too(customer: httpx.AsyncClient) -> None:
    """404 and 405 in the same shape."""
    unknown = await customer.get("/api/nowhere")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not-found")
    for method, path in (("GET", ACTIVATE), ("DELETE", "/api/orders"), ("PUT", "/readyz")):
        wrong = await customer.request(method, path)
        assert (wrong.status_code, wrong.json()["code"]) == (405, "method-not-allowed")
        assert wrong.headers["content-type"] == "application/problem+json"


BAD_ORDERS_AND_PAYMENTS: list[tuple[str, object]] = [
    ("/api/orders", {"plan_id": 0}),
    ("/api/orders", {"plan_id": 123, "currency": "usd"}),
    ("/api/orders", {"plan_id": 123, "currency": "U\u0000D"}),
    ("/api/payments/create", {"order_id": 2**63}),
    ("/api/payments/create", {"order_id": 1, "provider": "STRIPE"}),
    ("/api/payments/webhook", {"intent_id": "a\u0000b", "status": "succeeded"}),
    ("/api/payments/webhook", {"intent_id": "x" * 501, "status": "succeeded"}),
    ("/api/payments/webhook", {"intent_id": "x", "status": "pending"}),
    ("/api/payments/webhook", {"intent_id": "x", "status": "failed", "provider": "mock"}),
]


async def test_bad_orders_and_payments_are_422(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Nothing of it reaches a table."""
    before = await census(engine)
    for path, body in BAD_ORDERS_AND_PAYMENTS:
        answer = await customer.post(path, json=body)
        assert (body, answer.status_code) == (body, 422)
    assert await census(engine) == before


async def test_a_lone_surrogate_never_reaches_postgres(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Valid JSON that is no text."""
    before = await census(engine)
    answer = await customer.post(
        "/api/payments/webhook",
        content=b'{"intent_id": "\\ud800", "status": "failed"}',
        headers={"Content-Type": JSON},
    )
    assert answer.status_code == 422
    assert await census(engine) == before
