"""The way of docs/operating.md to a missing confirmation code: its SQL is run as written."""

import re
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.rows import paid_order, rows, run, stock_item

pytestmark = pytest.mark.usefixtures("catalogue")

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
_SECTION = PAGE.split("### A confirmation code is missing")[1].split("\n### ")[0]
MISSING, COPY, BRING = re.findall(r"```sql\n(.*?)```", _SECTION, re.DOTALL)
HANDED_OUT = "SELECT order_id, confirmation_code FROM esim_profiles ORDER BY order_id"


async def _handed_out(engine: AsyncEngine, number: int, flag: str, confirmation: str | None) -> int:
    """An assigned order whose profile has no confirmation code; its item may have one."""
    item_id, order_id = await stock_item(engine, number), await paid_order(engine)
    for status in ("RESERVED", "ASSIGNED"):  # the way that the state machines allow
        await run(
            engine,
            "UPDATE esim_inventory SET status = :status, order_id = :order_id, reserved_at = now(),"
            " assigned_at = now(), confirmation_code = :confirmation WHERE id = :item_id",
            status=status,
            order_id=order_id,
            item_id=item_id,
            confirmation=confirmation,
        )
        await run(
            engine,
            "UPDATE esim_profiles p SET status = :status, inventory_item_id = i.id,"
            " activation_code = i.activation_code || :flag, qr_payload = i.qr_payload || :flag,"
            " provisioned_at = now() FROM esim_inventory i"
            " WHERE i.id = :item_id AND p.order_id = :order_id",
            status=status,
            order_id=order_id,
            item_id=item_id,
            flag=flag,
        )
    return order_id


async def test_it_is_found_copied_from_the_item_or_brought(engine: AsyncEngine) -> None:
    """Codes that ask for one are listed until they have it; others are left alone."""
    bare = await _handed_out(engine, 1, "$$1", None)
    copied = await _handed_out(engine, 2, "$1.3.6.1$1", "4711")
    plain = await _handed_out(engine, 3, "", None)
    assert {row["order_id"] for row in await rows(engine, MISSING)} == {bare, copied}
    await run(engine, COPY)
    assert [row["order_id"] for row in await rows(engine, MISSING)] == [bare]
    statement = BRING.split("\n", 1)[1].replace("= 42", f"= {bare}").replace(":'code'", "'0815'")
    await run(engine, statement)
    assert await rows(engine, MISSING) == []
    assert [tuple(row.values()) for row in await rows(engine, HANDED_OUT)] == [
        (bare, "0815"),
        (copied, "4711"),
        (plain, None),
    ]
