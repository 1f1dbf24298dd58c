"""Who gets in: tokens, scopes, and orders of other people."""

import itertools
import time

import httpx
import jwt
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.census import census
from tests.api.server import JWT_SECRET
from tests.api.tokens import admin, bearer, token
from tests.rows import paid_order, run, value

OTHER = 2


def _forged(algorithm: str, key: str) -> str:
    payload = jwt.decode(token(), options={"verify_signature": False})
    return jwt.encode(payload, key, algorithm=algorithm)


BAD_TOKENS = {
    "garbage": "not.a.token",
    "expired beyond the leeway": token(exp=int(time.time()) - 61),
    "no expiry": token(exp=None),
    "infinite expiry": token(exp=float("inf")),
    "foreign audience": token(aud="another-api"),
    "no audience": token(aud=None),
    "foreign issuer": token(iss="somebody"),
    "no issuer": token(iss=None),
    "no subject": token(sub=None),
    "subject is a name": token("ana"),
    "subject beyond 64 bits": token(2**63),
    "subject is zero": token(0),
    "subject in other digits": token("\u0661"),
    "unknown user": token(987_654),
    "not valid yet": token(nbf=int(time.time()) + 600),
    "unsigned": _forged("none", ""),
    "another algorithm": _forged("HS512", JWT_SECRET),
    "another secret": _forged("HS256", "x" * 64),
}


async def test_a_bad_token_is_401(anybody: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """A problem with a challenge, and nothing is written."""
    order_id = await paid_order(engine)
    before = await census(engine)
    for name, bad in BAD_TOKENS.items():
        answer = await anybody.post(
            "/api/esims/activate",
            json={"order_id": order_id},
            headers={"Authorization": f"Bearer {bad}"},
        )
        assert (name, answer.status_code) == (name, 401)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "unauthorized"
    assert await census(engine) == before


async def test_without_a_bearer_token_nothing_is_reached(anybody: httpx.AsyncClient) -> None:
    """401 on every operation that is anybody's own business."""
    for method, path in (
        ("POST", "/api/esims/activate"),
        ("GET", "/api/esims/mine"),
        ("GET", "/api/esims/1"),
        ("GET", "/api/esims/1/qr.svg"),
        ("GET", "/api/activations/1"),
        ("GET", "/api/activations/1/timeline"),
        ("GET", "/api/activations/1/events"),
        ("GET", "/api/admin/activations"),
        ("POST", "/api/admin/activations/1/retry"),
        ("POST", "/api/orders"),
        ("GET", "/api/orders/mine"),
        ("POST", "/api/payments/create"),
    ):
        for header in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "x"}):
            answer = await anybody.request(method, path, headers=header)
            assert (path, answer.status_code) == (path, 401)


async def test_a_token_that_expired_within_the_leeway_is_taken(
    anybody: httpx.AsyncClient,
) -> None:
    """Clocks skew: half a minute is forgiven."""
    late = bearer(1, exp=int(time.time()) - 10)
    assert (await anybody.get("/api/esims/mine", headers=late)).status_code == 200


async def test_another_users_order_does_not_exist(
    anybody: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """404 "Order not found", exactly as for an unknown order, and nothing is written."""
    await run(engine, "INSERT INTO users (email) VALUES ('ben@example.com')")
    order_id = await paid_order(engine)
    before = await census(engine)
    anybody.headers.update(bearer(OTHER))
    requests: list[tuple[str, str, object]] = [
        ("POST", "/api/esims/activate", {"order_id": order_id}),
        ("POST", "/api/esims/activate", {"order_id": 2**63 - 1}),
        ("GET", f"/api/activations/{order_id}", None),
        ("GET", f"/api/activations/{order_id}/timeline", None),
        ("GET", f"/api/activations/{order_id}/events", None),
        ("GET", f"/api/orders/{order_id}", None),
        ("POST", "/api/payments/create", {"order_id": order_id}),
    ]
    for method, path, body in requests:
        answer = await anybody.request(method, path, json=body)
        assert (answer.status_code, path) == (404, path)
        assert answer.json()["detail"] == "Order not found"
    assert await census(engine) == before


async def test_admins_do_not_see_other_peoples_codes(
    anybody: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """The admin scope opens the admin's pages, not the customers' eSIMs."""
    await run(engine, "INSERT INTO users (email) VALUES ('ben@example.com')")
    order_id = await paid_order(engine)
    esim_id = await value(engine, "SELECT id FROM esim_profiles")
    anybody.headers.update(admin(OTHER))
    assert (await anybody.get(f"/api/activations/{order_id}")).status_code == 200
    assert (await anybody.get(f"/api/esims/{esim_id}")).status_code == 404
    assert (await anybody.get(f"/api/esims/{esim_id}/qr.png")).status_code == 404
    assert (await anybody.get("/api/esims/mine")).json() == []
    activation = await anybody.post("/api/esims/activate", json={"order_id": order_id})
    assert activation.status_code == 404


async def test_no_ops_view_has_a_confirmation_code(
    anybody: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Neither an activation, nor a list or timeline of them, for admins or for the owner."""
    await run(engine, "INSERT INTO users (email) VALUES ('ben@example.com')")
    order_id = await paid_order(engine)
    await run(engine, "UPDATE esim_profiles SET confirmation_code = 'CANARY-4711'")
    for headers in (bearer(1), admin(OTHER)):
        anybody.headers.update(headers)
        for path in (f"activations/{order_id}", f"activations/{order_id}/timeline"):
            answer = await anybody.get(f"/api/{path}")
            assert (answer.status_code, "CANARY" in answer.text) == (200, False)
            assert "confirmation_code" not in answer.text
    for path in ("activations?status=pending_activation", f"activations/{order_id}"):
        answer = await anybody.get(f"/api/admin/{path}")
        assert (answer.status_code, "CANARY" in answer.text) == (200, False)
        assert "confirmation_code" not in answer.text


async def test_admin_pages_want_the_admin_scope(anybody: httpx.AsyncClient) -> None:
    """403 for a valid token without exactly that scope."""
    scopes: list[object] = [None, "", "administrator", ["admin"], "Admin"]
    requests = (
        ("GET", "/api/admin/activations"),
        ("GET", "/api/admin/activations/1"),
        ("POST", "/api/admin/activations/1/retry"),
        ("POST", "/api/admin/activations/1/cancel"),
    )
    for scope, (method, path) in itertools.product(scopes, requests):
        anybody.headers.update(bearer(1, scope=scope))
        answer = await anybody.request(method, path, json={"reason": "because"})
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient-scope")
