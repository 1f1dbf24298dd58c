"""POST /api/esims/activate after a backup was restored, and nobody has put anything right."""

from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.asking import activate
from tests.backups import Backup
from tests.rows import paid_order, stock_item
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import Intervention

pytestmark = pytest.mark.usefixtures("worker")


async def test_who_asks_again_gets_the_same_esim(
    customer: httpx.AsyncClient, engine: AsyncEngine, database_url: str, tmp_path: Path
) -> None:
    """The run has ended and the order has not: 502 for ever, before."""
    for number in (1, 2):
        await stock_item(engine, number)
    neighbour, order_id = await paid_order(engine), await paid_order(engine)
    backup = Backup(database_url, tmp_path)
    await backup.take()
    await activate(customer, neighbour)
    before = await activate(customer, order_id)
    await backup.restore()
    after = await activate(customer, order_id)
    assert (before.status_code, after.status_code) == (200, 200), after.text
    assert after.json()["iccid"] == before.json()["iccid"]
    assert after.json()["inventory_item_id"] == before.json()["inventory_item_id"]


async def test_what_was_cancelled_stays_so(
    customer: httpx.AsyncClient,
    engine: AsyncEngine,
    database_url: str,
    tmp_path: Path,
    activations: Activations,
    watch: Watch,
) -> None:
    """The order was given up, and perhaps refunded: nothing is delivered for it."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    backup = Backup(database_url, tmp_path)
    await backup.take()
    await activations.cancel(order_id, Intervention("ana", "a refund"))
    await watch.until(order_id, "status = 'CANCELLED'")
    await watch.ended(order_id)
    await backup.restore()
    again = await activate(customer, order_id)
    assert (again.status_code, again.json()["code"]) == (409, "activation-cancelled"), again.text
