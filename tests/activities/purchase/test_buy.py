"""What a purchase that goes well asks of the database."""

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.pause_points import PausePoints
from activities.purchase.buy import ProviderActivities, PurchaseOrder, PurchaseRules
from providers.local import LocalProvider
from tests.rows import paid_order, value

pytestmark = pytest.mark.usefixtures("catalogue")


async def test_a_purchase_takes_three_transactions(engine: AsyncEngine) -> None:
    """Written down, sent, and kept: none that does nothing for most sellers."""
    calls = ProviderActivities(engine, PausePoints(), {"LOCAL": LocalProvider()}, PurchaseRules())
    order_id = await paid_order(engine)
    commits: list[Connection] = []
    count = commits.append
    event.listen(engine.sync_engine, "commit", count)
    item_id = await ActivityEnvironment().run(calls.call_provider, PurchaseOrder(order_id, "LOCAL"))
    event.remove(engine.sync_engine, "commit", count)
    assert len(commits) == 3
    held = "SELECT order_id FROM esim_inventory WHERE id = :id AND status = 'RESERVED'"
    assert await value(engine, held, id=item_id) == order_id
