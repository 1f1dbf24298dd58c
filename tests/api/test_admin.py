"""What ops see and do."""

import json

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.profile import ProfileStatus
from domain.purchase import PurchaseState
from tests.api.asking import DOWN, activate, parked
from tests.api.server import app_settings, serving
from tests.api.tokens import admin
from tests.cli.profile_states import order_in
from tests.doubts import in_doubt
from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import answering
from tests.rows import paid_order, rows, run, stock_item, value
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import Step

PATH = "/api/admin/activations"


@pytest.mark.usefixtures("worker")
async def test_a_retry_completes_a_parked_activation(
    ops: httpx.AsyncClient,
    customer: httpx.AsyncClient,
    engine: AsyncEngine,
    partner: PartnerServer,
    watch: Watch,
) -> None:
    """202, then the eSIM; the audit trail names who asked and why."""
    partner.answer = answering(400, {"error": "no such plan"})
    order_id = await paid_order(engine)
    refused = await activate(customer, order_id)
    assert refused.json()["esim_status"] == "provisioning_failed"
    await watch.step(order_id, Step.PARKED)
    partner.answer = partner.sell
    answer = await ops.post(f"{PATH}/{order_id}/retry", json={"reason": "the key is renewed"})
    assert answer.status_code == 202, answer.text
    await watch.until(order_id, "status = 'ACTIVATED'")
    [asked] = await rows(
        engine,
        "SELECT actor, payload FROM esim_provisioning_events WHERE kind = 'retry_requested'",
    )
    assert asked["actor"] == "ana@example.com"
    assert asked["payload"]["reason"] == "the key is renewed"


@pytest.mark.usefixtures("worker")
async def test_a_retry_of_what_does_not_wait_is_409(
    ops: httpx.AsyncClient, customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """The answer says why."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await activate(customer, order_id)
    answer = await ops.post(f"{PATH}/{order_id}/retry", json={"reason": "impatience"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not-waiting")
    assert answer.json()["detail"]


async def test_a_retry_that_cannot_help_starts_nothing(
    ops: httpx.AsyncClient, engine: AsyncEngine, activations: Activations
) -> None:
    """Neither paid nor paid any more, or cancelled: 409, a sentence, and no run."""
    unpaid = await paid_order(engine, status="CREATED")
    refunded = await paid_order(engine, status="REFUNDED")
    await parked(engine, refunded, "EXHAUSTED", "provider-out-of-stock")
    cancelled = await paid_order(engine)
    await run(
        engine, "UPDATE esim_profiles SET status = 'CANCELLED' WHERE order_id = :id", id=cancelled
    )
    expected = {
        unpaid: "The order is created: only a paid one is activated.",
        refunded: "The order is refunded: only a paid one is activated.",
        cancelled: "The eSIM is cancelled: there is nothing to retry.",
    }
    for order_id, sentence in expected.items():
        answer = await ops.post(f"{PATH}/{order_id}/retry", json={"reason": "impatience"})
        assert (answer.status_code, answer.json()["code"]) == (409, "not-waiting")
        assert answer.json()["detail"] == sentence
        assert await activations.state(order_id) is None


@pytest.mark.usefixtures("worker")
async def test_a_retry_at_a_provider_that_the_worker_lacks_starts_nothing(
    ops: httpx.AsyncClient, engine: AsyncEngine, activations: Activations
) -> None:
    """404 with those there are, before any run; the case of a name that exists does not matter."""
    order_id = await paid_order(engine)
    retry = f"{PATH}/{order_id}/retry"
    answer = await ops.post(retry, json={"reason": "try there", "provider": "AIRALO"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-provider")
    assert answer.json()["detail"].endswith("there is: CONNECTED_YOU.")
    assert await activations.state(order_id) is None
    for odd in ("a b", "connected-you", "\u0000", " ", "9" * 64):
        answer = await ops.post(retry, json={"reason": "try there", "provider": odd})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-provider")
    taken = await ops.post(retry, json={"reason": "try there", "provider": " connected_you "})
    assert taken.status_code == 202, taken.text


@pytest.mark.usefixtures("worker")
async def test_a_retry_starts_what_was_never_started(
    ops: httpx.AsyncClient, engine: AsyncEngine, watch: Watch
) -> None:
    """A paid order without a run is activated, where asked; the trail says for whom, and why."""
    order_id = await paid_order(engine)
    retry = {"reason": "lost", "provider": "CONNECTED_YOU"}
    answer = await ops.post(f"{PATH}/{order_id}/retry", json=retry)
    assert answer.status_code == 202, answer.text
    assert await watch.ended(order_id) == "activated"
    assert (await watch.kinds(order_id)).count("retry_requested") == 1
    [asked] = await rows(
        engine,
        "SELECT actor, payload FROM esim_provisioning_events WHERE kind = 'retry_requested'",
    )
    assert asked == {"actor": "ana@example.com", "payload": {"reason": "lost", "door": "api"}}
    [started, *_] = (await watch.handle(order_id).fetch_history()).events
    [given] = started.workflow_execution_started_event_attributes.input.payloads
    assert json.loads(given.data)["provider"] == "CONNECTED_YOU"


@pytest.mark.usefixtures("worker")
async def test_a_cancel_ends_a_waiting_activation(
    ops: httpx.AsyncClient,
    customer: httpx.AsyncClient,
    engine: AsyncEngine,
    partner: PartnerServer,
    watch: Watch,
) -> None:
    """202 and cancelled; a second cancel is harmless; an assigned one cannot be cancelled."""
    partner.answer = DOWN
    order_id = await paid_order(engine)
    assert (await activate(customer, order_id)).status_code == 502
    answer = await ops.post(f"{PATH}/{order_id}/cancel", json={"reason": "fraud"})
    assert answer.status_code == 202
    assert await watch.ended(order_id) == "cancelled"
    again = await ops.post(f"{PATH}/{order_id}/cancel", json={"reason": "fraud"})
    assert (again.status_code, again.json()["status"]) == (202, "cancelled")
    assert again.json()["settling_at"] is None
    await stock_item(engine)
    done = await paid_order(engine)
    await activate(customer, done)
    late = await ops.post(f"{PATH}/{done}/cancel", json={"reason": "too late"})
    assert (late.status_code, late.json()["code"]) == (409, "already-assigned")


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("status", [ProfileStatus.CANCELLED, ProfileStatus.ACTIVATED])
async def test_a_cancel_settles_what_a_terminated_run_has_left(
    ops: httpx.AsyncClient, engine: AsyncEngine, watch: Watch, status: ProfileStatus
) -> None:
    """The order stays as it is; the answer names the provider; the purchase goes to a person."""
    order_id = await order_in(engine, status)
    await in_doubt(engine, order_id, state=PurchaseState.SENT)
    answer = await ops.post(f"{PATH}/{order_id}/cancel", json={"reason": "terminated"})
    assert answer.status_code == 202, answer.text
    assert (answer.json()["status"], answer.json()["settling_at"]) == (status, "CONNECTED_YOU")
    assert await watch.ended(order_id) == status
    assert await value(engine, "SELECT state FROM provider_intents") == "UNKNOWN"


async def test_a_cancel_starts_nothing_for_what_is_a_person_s(
    ops: httpx.AsyncClient,
    engine: AsyncEngine,
    activations: Activations,
    worker: None,
    watch: Watch,
) -> None:
    """A finished run has left its purchase in doubt: 409, and the sentence says where to look."""
    del worker
    refusals = {
        ProfileStatus.ACTIVATED: "already-assigned",
        ProfileStatus.CANCELLED: "not-waiting",
    }
    for status, code in refusals.items():
        order_id = await order_in(engine, status)
        await activations.start(order_id)
        assert await watch.ended(order_id) == status
        await in_doubt(engine, order_id)
        answer = await ops.post(f"{PATH}/{order_id}/cancel", json={"reason": "again"})
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        left = f"at CONNECTED_YOU is left to a person: esimctl status {order_id}"
        assert left in answer.json()["detail"]


@pytest.mark.usefixtures("worker")
async def test_a_detail_says_what_temporal_alone_knows(
    ops: httpx.AsyncClient,
    customer: httpx.AsyncClient,
    engine: AsyncEngine,
    partner: PartnerServer,
    watch: Watch,
) -> None:
    """Step, provider and the time of the next round, while something runs."""
    partner.answer = DOWN
    order_id = await paid_order(engine)
    await activate(customer, order_id)
    await watch.step(order_id, Step.WAITING)
    engine_state = (await ops.get(f"{PATH}/{order_id}")).json()["engine"]
    assert engine_state["step"] == "waiting_for_next_round"
    assert engine_state["provider"] == "CONNECTED_YOU"
    assert engine_state["next_round_at"]


async def test_a_list_is_by_status_in_pages_without_codes(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Newest first, only the states asked for, each page naming the next, no code in any."""
    parked_ids = []
    for _ in range(3):
        order_id = await paid_order(engine)
        await parked(engine, order_id, "EXHAUSTED", "provider-out-of-stock")
        parked_ids.append(order_id)
    pending = await paid_order(engine)
    seen, path, pages = [], f"{PATH}?status=exhausted&status=needs_review&limit=2", 0
    while path:
        page = await ops.get(path)
        assert all("activation_code" not in item for item in page.json())
        seen += [item["order_id"] for item in page.json()]
        path = page.links.get("next", {}).get("url", "")
        pages += 1
    assert (seen, pages) == (parked_ids[::-1], 2)
    everything = (await ops.get(PATH)).json()
    assert [item["order_id"] for item in everything] == [pending, *parked_ids[::-1]]


async def test_unknown_orders_and_states_are_refused(ops: httpx.AsyncClient) -> None:
    """404 for an order, 422 for a state or a body."""
    reason = {"reason": "because"}
    assert (await ops.get(f"{PATH}/42")).status_code == 404
    assert (await ops.post(f"{PATH}/42/retry", json=reason)).status_code == 404
    assert (await ops.post(f"{PATH}/42/cancel", json=reason)).status_code == 404
    assert (await ops.get(f"{PATH}?status=unheard-of")).status_code == 422
    for bad in ({}, {"reason": ""}, {"reason": "a\u0000b"}, reason | {"provider": "A" * 65}):
        assert (await ops.post(f"{PATH}/42/retry", json=bad)).status_code == 422


async def test_without_temporal_ops_still_read(
    engine: AsyncEngine, database_url: str, catalogue: None
) -> None:
    """A detail leaves Temporal's part out; an intervention is 503."""
    del catalogue
    order_id = await paid_order(engine)
    with serving(app_settings(database_url, "127.0.0.1:1")) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30, headers=admin(1)) as ops:
            detail = await ops.get(f"{PATH}/{order_id}")
            retry = await ops.post(f"{PATH}/{order_id}/retry", json={"reason": "now"})
    assert (detail.status_code, detail.json()["engine"]) == (200, None)
    assert (retry.status_code, retry.json()["code"]) == (503, "engine-unavailable")
    assert await value(engine, "SELECT count(*) FROM esim_provisioning_events") == 0


async def test_retired_stock_is_listed_with_its_reason(
    ops: httpx.AsyncClient, customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """In pages, newest first, without a code, and for ops alone."""
    why = "UPDATE esim_inventory SET status = 'RETIRED', retired_at = now(), retired_reason = :why"
    items = [await stock_item(engine, number) for number in range(3)]
    await run(engine, why, why="The activation code is an address.")
    path = "/api/admin/stock/retired"
    page = await ops.get(path, params={"limit": 2})
    assert [item["id"] for item in page.json()] == items[:0:-1]
    assert {item["retired_reason"] for item in page.json()} == {
        "The activation code is an address."
    }
    assert "STOCK-" not in page.text
    rest = await ops.get(page.links["next"]["url"])
    assert [item["id"] for item in rest.json()] == items[:1]
    assert (await customer.get(path)).status_code == 403
