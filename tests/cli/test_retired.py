"""`esimctl retired`: what was taken out of use, and why."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.cli.conftest import Esimctl
from tests.rows import run, stock_item

pytestmark = pytest.mark.usefixtures("stocked", "catalogue")


async def test_retired_stock_is_listed_with_its_reason(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """Item and reason, and no code; history that was imported as RETIRED is not among it."""
    why = "UPDATE esim_inventory SET status = 'RETIRED', retired_at = now(), retired_reason = :why"
    await stock_item(engine)
    await run(engine, f"{why} WHERE id = 1", why="The activation code is an address.")
    await stock_item(engine, 2)
    await run(engine, "UPDATE esim_inventory SET status = 'RETIRED' WHERE id = 2")
    listed = esimctl("retired")
    assert listed.code == 0, listed.err
    assert "The activation code is an address." in listed.out
    assert "STOCK-" not in listed.out
    assert len([line for line in listed.out.splitlines() if "stock" in line]) == 1
