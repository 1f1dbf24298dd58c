"""Who gets in: tokens, scopes, and orders of other people."""

import time

import httpx
import jwt
import pytest
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncEngine

from api import admin as admin_pages
from api import providers, refunds, reviews
from domain.access import SCOPES, Role, Scope
from tests.api.census import census
from tests.api.server import JWT_SECRET
from tests.api.tokens import admin, bearer, token
from tests.rows import paid_order, run, staff, value

OTHER = 2


def _forged(algorithm: str, key: str) -> str:
    payload = jwt.decode(token(), options={"verify_signature": False})
    return jwt.encode(payload, key, algorithm=algorithm)


BAD_TOKENS = {
    "garbage": "not.a.token",
    "expired beyond the leeway": token(exp=int(time.time()) - 61),
    "no expiry": token(exp=None),
    "infinite expiry": token(exp=float("inf")),
    "a life of a year": token(exp=int(time.time()) + 365 * 86400),
    "a year of which a minute is left": token(iat=int(time.time()) - 365 * 86400),
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
    await staff(engine, OTHER)
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
    await staff(engine, OTHER)
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


OPERATIONS = {
    Scope.OPS_READ: [
        ("GET", "/api/admin/activations"),
        ("GET", "/api/admin/activations/1"),
        ("GET", "/api/admin/reviews"),
        ("GET", "/api/admin/reviews/1"),
        ("GET", "/api/admin/providers"),
    ],
    Scope.OPS_ACT: [
        ("POST", "/api/admin/activations/1/retry"),
        ("POST", "/api/admin/activations/1/cancel"),
        ("POST", "/api/admin/reviews/1/resolve"),
        ("POST", "/api/admin/providers/AIRALO/pause"),
        ("POST", "/api/admin/providers/AIRALO/resume"),
    ],
    Scope.CODES_READ: [("GET", "/api/admin/reviews/1/replies/1")],
    Scope.PAYMENTS_WRITE: [("POST", "/api/admin/payments/1/refunded")],
}


def test_every_operation_of_staff_is_listed_here() -> None:
    """So that none is forgotten below."""
    staffed = {
        f"{method} {route.path}"
        for module in (admin_pages, reviews, providers, refunds)
        for route in module.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert len(staffed) == sum(map(len, OPERATIONS.values()))


@pytest.mark.parametrize("scope", OPERATIONS)
async def test_an_operation_wants_its_own_scope(anybody: httpx.AsyncClient, scope: Scope) -> None:
    """403 with a sentence for a token without it; `admin` stands for all that the roles allow."""
    others = " ".join(set(Scope) - {scope})
    for method, path in OPERATIONS[scope]:
        for asked in (None, "", "administrator", "Admin", others):
            answer = await _ask(anybody, method, path, bearer(1, scope=asked))
            assert (path, answer.status_code) == (path, 403)
            assert answer.json()["code"] == "insufficient-scope"
            assert f"`{scope}`" in answer.json()["detail"]
        for asked in (scope, "admin"):
            answer = await _ask(anybody, method, path, bearer(1, scope=asked))
            assert answer.status_code not in {401, 403}, path


async def _ask(
    client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]
) -> httpx.Response:
    body = {"reason": "because"} if method == "POST" else None
    return await client.request(method, path, json=body, headers=headers)


@pytest.mark.parametrize("role", Role)
async def test_a_role_allows_what_the_table_says(
    anybody: httpx.AsyncClient, engine: AsyncEngine, role: Role
) -> None:
    """A token may ask for more: who is who stands in the database alone."""
    await run(engine, "INSERT INTO users (email) VALUES ('ben@example.com')")
    await staff(engine, OTHER, role.name)
    for scope, operations in OPERATIONS.items():
        method, path = operations[0]
        answer = await _ask(anybody, method, path, admin(OTHER))
        assert (answer.status_code == 403) is (scope not in SCOPES[role]), (role, scope)


@pytest.mark.parametrize("scope", [["admin"], {"ops": True}, 7, True])
async def test_a_scope_of_another_shape_is_refused_with_a_sentence(
    anybody: httpx.AsyncClient, scope: object
) -> None:
    """Not read as "no scope", which would leave somebody puzzled by a 403."""
    answer = await anybody.get("/api/admin/activations", headers=bearer(1, scope=scope))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert "`scope`" in answer.json()["detail"]


async def test_a_blocked_user_is_let_in_nowhere(
    anybody: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """403 for the same token that was good before, and good again once they are unblocked."""
    for path in ("/api/esims/mine", "/api/admin/activations"):
        assert (await anybody.get(path, headers=admin(1))).status_code == 200
        await run(engine, "UPDATE users SET blocked_at = now()")
        answer = await anybody.get(path, headers=admin(1))
        assert (answer.status_code, answer.json()["code"]) == (403, "user-blocked")
        await run(engine, "UPDATE users SET blocked_at = NULL")
        assert (await anybody.get(path, headers=admin(1))).status_code == 200
