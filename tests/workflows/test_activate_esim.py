"""The way of an order that goes well, against real Postgres, real Temporal and a partner."""

import asyncio

import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import WorkflowFailureError

from db.engine import create_engine
from tests.deliveries import Message
from tests.partners.connected_you import PartnerServer
from tests.rows import paid_order, rows, run, stock_item, value
from tests.workflows.conftest import Watch
from workflows.client import Activations, Started

pytestmark = pytest.mark.usefixtures("catalogue", "worker")


async def test_stock_comes_before_any_provider(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """The item is ASSIGNED and linked, the profile activated, and nobody is called."""
    item_id = await stock_item(engine)
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    assert await watch.ended(order_id) == "activated"
    [item] = await rows(engine, "SELECT * FROM esim_inventory")
    [profile] = await rows(engine, "SELECT * FROM esim_profiles")
    assert (item["id"], item["status"], item["order_id"]) == (item_id, "ASSIGNED", order_id)
    assert profile["inventory_item_id"] == item_id
    assert profile["activation_code"] == item["activation_code"]
    assert partner.connections == 0
    assert await watch.kinds(order_id) == [
        "activation_started",
        "inventory_reserved",
        "profile_assigned",
        "profile_activated",
    ]


@pytest.mark.history("stock-hit")
async def test_a_stock_hit_needs_one_workflow_task(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """The database steps run inside the task: no activity is scheduled on the server."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.ended(order_id)
    types = await watch.history_types(order_id)
    assert types.count("workflow_task_started_event_attributes") == 1
    assert types.count("marker_recorded_event_attributes") == 2
    assert types.count("upsert_workflow_search_attributes_event_attributes") == 1
    assert "activity_task_scheduled_event_attributes" not in types


@pytest.mark.history("bought")
async def test_without_stock_the_provider_sells_one(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """One call; what was bought becomes an inventory row linked to intent and profile."""
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    assert await watch.ended(order_id) == "activated"
    [item] = await rows(engine, "SELECT * FROM esim_inventory")
    [intent] = await rows(engine, "SELECT * FROM provider_intents")
    assert (item["status"], item["provider"]) == ("ASSIGNED", "CONNECTED_YOU")
    assert (intent["state"], intent["inventory_item_id"]) == ("CONFIRMED", item["id"])
    assert intent["reference"] == f"order-{order_id}"
    assert len(partner.requests) == 1
    assert "purchase_confirmed" in await watch.kinds(order_id)


@pytest.mark.history("sent-to-the-customer")
@pytest.mark.parametrize("delivery", [Message()])
async def test_a_delivery_that_sends_something_is_a_step_of_its_own(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """Assigned first, activated once it was sent."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    assert await watch.ended(order_id) == "activated"
    assert await watch.kinds(order_id) == [
        "activation_started",
        "inventory_reserved",
        "profile_assigned",
        "profile_activated",
    ]
    assert (await watch.history_types(order_id)).count("marker_recorded_event_attributes") == 3


@pytest.mark.history("not-paid-yet-then-restarted")
async def test_an_order_that_is_not_paid_yet_can_be_activated_later(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """Started too early, the run fails and the profile stays as it was; paid, it activates."""
    await stock_item(engine)
    order_id = await paid_order(engine, status="CREATED")
    await activations.start(order_id, 123)
    with pytest.raises(WorkflowFailureError):
        await watch.handle(order_id).result()
    assert await watch.status(order_id) == "PENDING_ACTIVATION"
    await run(engine, "UPDATE orders SET status = 'PAID', paid_at = now()")
    assert await activations.restart(order_id) is Started.RUNNING
    assert await watch.ended(order_id) == "activated"


async def test_while_the_database_is_away_the_step_waits_outside_the_workflow_task(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    postgres_url: str,
    database_url: str,
) -> None:
    """It becomes an activity of its own, which finishes the order once the database is back."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    name = make_url(database_url).database
    admin = create_engine(postgres_url)
    async with admin.connect() as connection:
        direct = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await direct.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await direct.exec_driver_sql(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        await activations.start(order_id, 123)
        async with asyncio.timeout(60):
            while "activity_task_scheduled_event_attributes" not in (
                await watch.history_types(order_id)
            ):
                await asyncio.sleep(0.2)
        await direct.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await admin.dispose()
    assert await watch.ended(order_id) == "activated"


async def test_starting_twice_runs_once(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """A second start finds the ended run and says so; nothing is taken twice."""
    await stock_item(engine)
    await stock_item(engine, 2)
    order_id = await paid_order(engine)
    assert await activations.start(order_id, 123) is Started.RUNNING
    await watch.ended(order_id)
    assert await activations.start(order_id, 123) is Started.ENDED
    assert await value(engine, "SELECT count(*) FROM esim_inventory WHERE status = 'ASSIGNED'") == 1


async def test_an_order_without_a_profile_gets_one(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """An order written by hand activates like any other."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await run(engine, "DELETE FROM esim_profiles")
    await activations.start(order_id)
    assert await watch.ended(order_id) == "activated"
