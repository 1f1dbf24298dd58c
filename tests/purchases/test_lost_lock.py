"""Whoever lost the order's lock between marking a purchase sent and sending it sends nothing."""

from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.pause_points import PausePoint
from sandbox.sandbox import Sandbox
from tests.holds import Hold
from tests.purchases.conftest import Driver
from tests.purchases.shops import SHOPS, Shop
from tests.rows import paid_order, run

pytestmark = pytest.mark.usefixtures("catalogue", "worker")


@pytest.fixture
def shop() -> Shop:
    """One that is looked up, so that the order is served in the end."""
    return next(shop for shop in SHOPS if shop.name == "CONNECTED_YOU lookup")


async def test_a_purchase_whose_lock_was_lost_does_not_leave(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, pause_points_dir: Path
) -> None:
    """Held before the send, its lock's connection cut: the look-up comes first, one charge."""
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.BEFORE_SEND, order_id)
    await driver.start(order_id)
    await hold.reached()
    await run(
        engine,
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    hold.release()
    await driver.see_through(order_id)
    assert (await driver.profile(order_id))["status"] == "ACTIVATED"
    operations = [call.operation for call in sandbox.calls("CONNECTED_YOU")]
    assert operations[0] == "lookup"
    assert operations.count("order") == 1
    assert len(sandbox.net_charges()) == 1
