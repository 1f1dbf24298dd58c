"""Asking again for an activation that waits: at most one nudge per cool-down."""

import asyncio

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import AppSettings
from local.temporal import TemporalServer
from tests.api.asking import DOWN, SOLD_OUT, activate, an_hour_passes, parked
from tests.api.server import app_settings
from tests.partners.connected_you import PartnerServer
from tests.rows import paid_order, rows, stock_item
from tests.workflows.conftest import Watch
from workflows.messages import Step

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
def settings(
    database_url: str, temporal_server: TemporalServer, task_queue: str, catalogue: None
) -> AppSettings:
    """A cool-down of half an hour: time passes only where a test says so."""
    del catalogue
    return app_settings(
        database_url,
        temporal_server.address,
        task_queue,
        activation_nudge_cooldown_seconds=1800,
    )


async def test_within_the_cool_down_the_failure_is_answered_at_once(
    customer: httpx.AsyncClient, engine: AsyncEngine, partner: PartnerServer, watch: Watch
) -> None:
    """The same 502, with the cool-down as Retry-After; the partner is not called again."""
    partner.answer = DOWN
    order_id = await paid_order(engine)
    assert (await activate(customer, order_id)).status_code == 502
    calls = len(partner.requests)
    again = await activate(customer, order_id)
    assert (again.status_code, again.headers["retry-after"]) == (502, "1800")
    assert len(partner.requests) == calls
    assert "retry_requested" not in await watch.kinds(order_id)


async def test_after_the_cool_down_asking_again_completes_it(
    customer: httpx.AsyncClient, engine: AsyncEngine, partner: PartnerServer, watch: Watch
) -> None:
    """A 502 is not pinned: the next POST makes the waiting activation try now, and waits."""
    partner.answer = DOWN
    order_id = await paid_order(engine)
    assert (await activate(customer, order_id)).status_code == 502
    await watch.step(order_id, Step.WAITING)
    partner.answer = partner.sell
    await an_hour_passes(engine, order_id)
    answer = await activate(customer, order_id)
    assert answer.status_code == 200, answer.text
    [asked] = await rows(
        engine, "SELECT actor FROM esim_provisioning_events WHERE kind = 'retry_requested'"
    )
    assert asked["actor"] == "customer:1"


async def test_many_callers_nudge_once(
    customer: httpx.AsyncClient, engine: AsyncEngine, partner: PartnerServer, watch: Watch
) -> None:
    """Twenty POSTs at one moment send one retry; all of them hear of the failure."""
    partner.answer = DOWN
    order_id = await paid_order(engine)
    assert (await activate(customer, order_id)).status_code == 502
    await watch.step(order_id, Step.WAITING)
    await an_hour_passes(engine, order_id)
    answers = await asyncio.gather(*(activate(customer, order_id) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {502}
    assert (await watch.kinds(order_id)).count("retry_requested") == 1


async def test_new_stock_reaches_a_customer_who_asks_again(
    customer: httpx.AsyncClient, engine: AsyncEngine, partner: PartnerServer, watch: Watch
) -> None:
    """`exhausted` is a retryable 502; after an import and the cool-down the next POST is 200."""
    partner.answer = SOLD_OUT
    order_id = await paid_order(engine)
    sold_out = await activate(customer, order_id)
    assert (sold_out.status_code, sold_out.json()["retryable"]) == (502, True)
    assert sold_out.json()["esim_status"] == "exhausted"
    await watch.step(order_id, Step.PARKED)
    item_id = await stock_item(engine)
    await an_hour_passes(engine, order_id)
    answer = await activate(customer, order_id)
    assert (answer.status_code, answer.json().get("inventory_item_id")) == (200, item_id)


async def test_an_exhausted_order_whose_run_is_lost_is_started_again(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Nothing runs for it in Temporal: the nudge starts it."""
    order_id = await paid_order(engine)
    await parked(engine, order_id, "EXHAUSTED", "provider-out-of-stock")
    await stock_item(engine)
    answer = await activate(customer, order_id)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("status", ["NEEDS_REVIEW", "PROVISIONING_FAILED"])
async def test_what_waits_for_a_person_is_never_nudged(
    customer: httpx.AsyncClient, engine: AsyncEngine, watch: Watch, status: str
) -> None:
    """A 502 that is not retryable, without a start and without an event."""
    order_id = await paid_order(engine)
    await parked(engine, order_id, status, "needs-review")
    answer = await activate(customer, order_id)
    assert answer.status_code == 502
    assert answer.json()["retryable"] is False
    assert answer.json()["detail"].lower().startswith("unable to provision")
    assert "retry-after" not in answer.headers
    assert await watch.kinds(order_id) == []
