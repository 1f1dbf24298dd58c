"""The workflow against real Postgres and Temporal."""

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from tests.rows import paid_order, rows, stock_item
from workflows.client import Activations
from workflows.messages import workflow_id
import pytest

pytestmark = pytest.mark.usefixtures("catalogue", "worker")


async def test_a_stock_hit_assigns_that_item(
    temporal_client: Client, engine: AsyncEngine, task_queue: str
) -> None:
    """Stock comes first: the item is ASSIGNED, the profile activated and linked to it."""
    item_id = await stock_item(engine)
    order_id = await paid_order(engine)
    await Activations(temporal_client, task_queue).start(order_id, 123)
    result = await temporal_client.get_workflow_handle(workflow_id(order_id)).result()
    assert result["status"] == "activated"
    print(await rows(engine, "select * from esim_profiles"), await rows(engine, "select * from esim_provisioning_events"), item_id)


async def test_no_stock_buys(
    temporal_client: Client, engine: AsyncEngine, task_queue: str
) -> None:
    """x"""
    order_id = await paid_order(engine)
    await Activations(temporal_client, task_queue).start(order_id, 123)
    result = await temporal_client.get_workflow_handle(workflow_id(order_id)).result()
    assert result["status"] == "activated"
    h = await temporal_client.get_workflow_handle(workflow_id(order_id)).fetch_history()
    print([e.event_type for e in h.events])
    print(await rows(engine, "select * from provider_intents"))
