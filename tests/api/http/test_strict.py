"""Names that an operation does not know: refused with a sentence, and nothing is done."""

import json

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import health, notices, reference
from api.app import _ROUTERS
from api.http.strict import StrictRoute
from tests.api.census import census
from tests.rows import paid_order

FOREIGN = (health, notices, reference)
"""Probes, providers and browsers call with parameters of their own, which change nothing."""


def test_every_operation_of_ours_is_strict() -> None:
    """But those that others call by rules of their own."""
    for module in _ROUTERS:
        if module not in FOREIGN:
            assert {type(route) for route in module.router.routes} == {StrictRoute}, module


@pytest.mark.parametrize(
    ("path", "field", "message"),
    [
        ("/api/admin/activations?email=ana@example.com", "query.email", "known: after, limit, s"),
        ("/api/admin/activations?statsu=exhausted", "query.statsu", "did you mean `status`?"),
        ("/api/admin/reviews?Provider=AIRALO", "query.Provider", "did you mean `provider`?"),
        ("/api/admin/providers?name=AIRALO", "query.name", "known: none"),
        ("/api/admin/reviews?limit=1&limit=2", "query.limit", "more than once"),
        ("/api/esims/mine?order_id=7", "query.order_id", "known: after, limit"),
        (f"/api/esims/mine?{'x' * 80}%1b=7", f"query.{'x' * 64}...", "not known"),
    ],
)
async def test_an_unknown_parameter_is_refused(
    ops: httpx.AsyncClient, path: str, field: str, message: str
) -> None:
    """422, which names it and what it may have meant, instead of an answer to another question."""
    answer = await ops.get(path)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    [fault] = answer.json()["errors"]
    assert fault["field"] == field
    assert message in fault["message"]
    assert message in answer.json()["detail"]


async def test_a_list_may_be_given_several_times(ops: httpx.AsyncClient) -> None:
    """`status` is one."""
    path = "/api/admin/activations?status=exhausted&status=needs_review"
    assert (await ops.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"reason": "x", "provder": "AIRALO"}, "body.provder", "did you mean `provider`?"),
        ({"reason": "x", "\x1b[2J": 1}, "body.\\x1b[2J", "known: provider, reason"),
    ],
)
async def test_a_misspelt_field_is_refused(
    ops: httpx.AsyncClient,
    engine: AsyncEngine,
    body: dict[str, object],
    field: str,
    message: str,
) -> None:
    """A retry "elsewhere" never becomes a retry along the route."""
    order_id = await paid_order(engine)
    before = await census(engine)
    sent = json.dumps(body)  # httpx itself would not send a lone surrogate
    path = f"/api/admin/activations/{order_id}/retry"
    answer = await ops.post(path, content=sent, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert (fault["field"], message in fault["message"]) == (field, True)
    assert await census(engine) == before


async def test_ten_thousand_faults_are_not_listed(ops: httpx.AsyncClient) -> None:
    """The answer stays short."""
    many = {f"field{number}": number for number in range(3000)}
    answer = await ops.post("/api/orders", json=many)
    assert (answer.status_code, len(answer.json()["errors"])) == (422, 20)


async def test_probes_and_providers_may_add_parameters(anybody: httpx.AsyncClient) -> None:
    """A load balancer's cache buster is not an outage."""
    assert (await anybody.get("/healthz?nocache=1")).status_code == 200
    unknown = await anybody.post("/api/webhooks/nobody?shop=7", content=b"{}")
    assert unknown.status_code == 404
