"""What a purchase that goes well asks of the database."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.pause_points import PausePoint, PausePoints
from activities.purchase.buy import ProviderActivities, PurchaseOrder, PurchaseRules
from providers.local import LocalProvider
from tests.holds import Hold
from tests.rows import paid_order, value

pytestmark = pytest.mark.usefixtures("catalogue")


async def test_a_purchase_takes_three_transactions(engine: AsyncEngine) -> None:
    """Written down and sent, kept, and the gate told: none that does nothing for most sellers."""
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


async def test_what_was_sold_is_kept_while_nobody_can_tell_the_gate(
    engine: AsyncEngine, pause_points_dir: Path
) -> None:
    """Somebody holds the gate's row for longer than a statement waits: the item matters more."""
    pause = PausePoints(pause_points_dir)
    calls = ProviderActivities(engine, pause, {"LOCAL": LocalProvider()}, PurchaseRules())
    order_id = await paid_order(engine)
    held = Hold(pause_points_dir, PausePoint.AFTER_REPLY, order_id)
    order = PurchaseOrder(order_id, "LOCAL")
    buying = asyncio.create_task(ActivityEnvironment().run(calls.call_provider, order))
    await held.reached()
    async with engine.begin() as connection:
        await connection.execute(text("SELECT FROM provider_gates FOR UPDATE"))
        held.release()
        item_id = await buying
    kept = "SELECT order_id FROM esim_inventory WHERE id = :id AND status = 'RESERVED'"
    assert await value(engine, kept, id=item_id) == order_id
