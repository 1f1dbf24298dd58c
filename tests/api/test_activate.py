"""POST /api/esims/activate with a worker at work, row by row of its table."""

import asyncio
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.pause_points import PausePoint
from api.app import AppSettings
from local.temporal import TemporalServer
from tests.api.asking import DOWN, activate, parked
from tests.api.server import app_settings, serving
from tests.api.tokens import bearer
from tests.deliveries import Message
from tests.holds import Hold
from tests.partners.connected_you import PartnerServer
from tests.rows import paid_order, rows, run, stock_item, value
from tests.workflows.conftest import Watch
from workflows.messages import Step, workflow_id

pytestmark = pytest.mark.usefixtures("worker")

SHAPE = {
    *("id", "order_id", "activation_code", "iccid", "status", "created_at", "provisioned_at"),
    *("provider_reference", "qr_payload", "instructions", "inventory_item_id", "plan_id"),
    *("country_id", "carrier_id", "plan_snapshot"),
}


async def test_a_paid_order_gets_the_item_from_stock(
    customer: httpx.AsyncClient, engine: AsyncEngine, partner: PartnerServer
) -> None:
    """200 with the item's code in the shape that existing clients speak; nobody is called."""
    item_id = await stock_item(engine)
    order_id = await paid_order(engine)
    answer = await activate(customer, order_id)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() >= SHAPE
    assert (body["order_id"], body["inventory_item_id"]) == (order_id, item_id)
    assert (body["status"], body["plan_id"]) == ("activated", 123)
    assert body["qr_payload"] == "LPA:1$smdp.example.com$STOCK-1"
    assert body["installable"] is True
    assert body["apple_install_url"].endswith("carddata=LPA%3A1%24smdp.example.com%24STOCK-1")
    assert await value(engine, "SELECT status FROM esim_inventory") == "ASSIGNED"
    assert partner.requests == []


async def test_an_answer_with_a_code_is_kept_by_nobody_on_the_way(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """`Cache-Control: no-store`, and a first answer is not marked as a replay."""
    await stock_item(engine)
    answer = await activate(customer, await paid_order(engine))
    assert answer.headers["cache-control"] == "no-store"
    assert "idempotent-replayed" not in answer.headers


async def test_asking_twice_gives_the_same_body(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """The second answer equals the first and says that it is a replay."""
    await stock_item(engine, 1)
    await stock_item(engine, 2)
    order_id = await paid_order(engine)
    first = await activate(customer, order_id)
    second = await activate(customer, order_id)
    assert second.status_code == 200
    assert second.json() == first.json()
    assert second.headers["idempotent-replayed"] == "true"
    reserved = await value(
        engine, "SELECT count(*) FROM esim_inventory WHERE order_id = :id", id=order_id
    )
    assert reserved == 1


async def test_without_stock_the_provider_sells_one(
    customer: httpx.AsyncClient, engine: AsyncEngine, partner: PartnerServer
) -> None:
    """200 with the bought code, behind it a synthetic inventory row, one call in all."""
    order_id = await paid_order(engine)
    answer = await activate(customer, order_id)
    assert answer.status_code == 200, answer.text
    [item] = await rows(engine, "SELECT * FROM esim_inventory")
    body = answer.json()
    assert (body["inventory_item_id"], body["iccid"]) == (item["id"], item["iccid"])
    assert len(partner.requests) == 1


async def test_an_order_written_by_hand_gets_its_profile_here(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """A paid order without a pre-registered profile is activated like any other."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await run(engine, "DELETE FROM esim_profiles WHERE order_id = :id", id=order_id)
    answer = await activate(customer, order_id)
    assert answer.status_code == 200, answer.text


async def test_fifty_parallel_requests_get_one_esim(
    customer: httpx.AsyncClient,
    engine: AsyncEngine,
    partner: PartnerServer,
    temporal_client: Client,
) -> None:
    """Every answer is 200 with the same body; one workflow, one inventory row, one purchase."""
    order_id = await paid_order(engine)
    answers = await asyncio.gather(*(activate(customer, order_id) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(partner.requests) == 1
    assert await value(engine, "SELECT count(*) FROM esim_inventory") == 1
    starts = await value(
        engine,
        "SELECT count(DISTINCT run_id) FROM esim_provisioning_events WHERE order_id = :id",
        id=order_id,
    )
    assert starts == 1
    assert (await temporal_client.get_workflow_handle(workflow_id(order_id)).describe()).id


async def test_a_failed_round_is_a_502_while_the_workflow_goes_on(
    customer: httpx.AsyncClient, engine: AsyncEngine, partner: PartnerServer, watch: Watch
) -> None:
    """A friendly, retryable problem; pending, nothing reserved; a later signal completes it."""
    partner.answer = DOWN
    order_id = await paid_order(engine)
    answer = await activate(customer, order_id)
    assert answer.status_code == 502, answer.text
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"].lower().startswith("unable to provision")
    assert (problem["code"], problem["retryable"]) == ("provider-unavailable", True)
    assert problem["esim_status"] == "pending_activation"
    assert int(answer.headers["retry-after"]) >= 1
    assert await watch.status(order_id) == "PENDING_ACTIVATION"
    assert await value(engine, "SELECT count(*) FROM esim_inventory") == 0
    await watch.step(order_id, Step.WAITING)
    partner.answer = partner.sell
    await watch.handle(order_id).signal("retry")
    await watch.until(order_id, "status = 'ACTIVATED'")
    assert (await activate(customer, order_id)).status_code == 200


async def test_a_slow_activation_is_accepted(
    customer: httpx.AsyncClient, engine: AsyncEngine, pause_points_dir: Path, watch: Watch
) -> None:
    """202 with Location and Retry-After when the wait is over; the eSIM is there later."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.BEFORE_RESERVE_COMMIT, order_id)
    answer = await activate(customer, order_id, "wait=1")
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/activations/{order_id}"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["preference-applied"] == "wait=1"
    assert answer.json()["status"] == "pending_activation"
    hold.release()
    await watch.until(order_id, "status = 'ACTIVATED'")
    assert (await customer.get(answer.headers["location"])).json()["status"] == "activated"


@pytest.mark.parametrize("delivery", [Message()])
async def test_slow_delivery_does_not_keep_the_code_from_its_owner(
    customer: httpx.AsyncClient, engine: AsyncEngine, pause_points_dir: Path
) -> None:
    """Assigned and not delivered: 200 with the code after about a second."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.AFTER_DELIVERY, order_id)
    answer = await activate(customer, order_id, "wait=20")
    assert (answer.status_code, answer.json()["status"]) == (200, "assigned")
    assert answer.json()["activation_code"]
    hold.release()


async def test_a_wait_survives_the_loss_of_the_listen_connection(
    customer: httpx.AsyncClient, engine: AsyncEngine, pause_points_dir: Path
) -> None:
    """The backend that feeds the waiter is killed in mid wait; the answer comes all the same."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.BEFORE_APPLY_COMMIT, order_id)
    waiting = asyncio.create_task(activate(customer, order_id, "wait=20"))
    await hold.reached()
    killed = await value(
        engine,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'esim-notifications' AND datname = current_database()",
    )
    assert killed == 1
    hold.release()
    answer = await waiting
    assert (answer.status_code, answer.json()["status"]) == (200, "activated")


async def test_a_terminated_run_is_started_again(
    customer: httpx.AsyncClient, engine: AsyncEngine, pause_points_dir: Path, watch: Watch
) -> None:
    """Somebody terminated the workflow in Temporal's UI: the next POSTs activate the order."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.BEFORE_RESERVE_COMMIT, order_id)
    assert (await activate(customer, order_id, "respond-async")).status_code == 202
    await hold.reached()
    await watch.handle(order_id).terminate("by mistake")
    hold.release()
    answers = await asyncio.gather(*(activate(customer, order_id) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize("delivery", [Message()])
async def test_a_post_during_the_delivery_answers_as_every_later_one(
    customer: httpx.AsyncClient, engine: AsyncEngine, pause_points_dir: Path
) -> None:
    """Assigned, but not handed over yet: the answer waits a moment and says activated."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.AFTER_APPLY, order_id)
    await activate(customer, order_id, "respond-async")
    await hold.reached()
    early = asyncio.create_task(activate(customer, order_id))
    hold.release()
    first, second = await early, await activate(customer, order_id)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.text == second.text


async def test_an_answer_needs_no_temporal_once_the_row_says_it(
    customer: httpx.AsyncClient,
    engine: AsyncEngine,
    database_url: str,
    settings: AppSettings,
) -> None:
    """With Temporal away a finished order is 200, a parked one 502, a new one 503."""
    del settings
    await stock_item(engine)
    done, waiting, new = [await paid_order(engine) for _ in range(3)]
    assert (await activate(customer, done)).status_code == 200
    await parked(engine, waiting, "NEEDS_REVIEW", "needs-review")
    with serving(app_settings(database_url, "127.0.0.1:1")) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30, headers=bearer(1)) as client:
            assert (await activate(client, done)).status_code == 200
            assert (await activate(client, waiting)).status_code == 502
            away = await activate(client, new)
    assert (away.status_code, away.json()["code"]) == (503, "engine-unavailable")
    assert int(away.headers["retry-after"]) >= 1
    assert away.json()["retryable"] is True


async def test_without_postgres_the_answer_is_503(temporal_server: TemporalServer) -> None:
    """A problem with Retry-After, not a crash."""
    nowhere = "postgresql+psycopg://esim:esim@127.0.0.1:1/esim"
    with serving(app_settings(nowhere, temporal_server.address)) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30, headers=bearer(1)) as client:
            away = await activate(client, 1)
    assert (away.status_code, away.json()["code"]) == (503, "storage-unavailable")
    assert int(away.headers["retry-after"]) >= 1
