"""What people write of an order never holds a code of that order."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import transaction
from db.own_codes import as_note_of
from tests.notices import bought_item, purchase
from tests.rows import paid_order, run, stock_item

pytestmark = pytest.mark.usefixtures("catalogue")


async def note(engine: AsyncEngine, order_id: int, text: str) -> str:
    """The text as the trail would hold it."""
    async with transaction(engine) as connection:
        return await as_note_of(connection, order_id, text)


async def test_a_held_item_s_matching_id_is_withheld(engine: AsyncEngine) -> None:
    """Alone, in another case, with its confirmation code; other orders' notes stay as they are."""
    order_id, other = [await paid_order(engine) for _ in range(2)]
    item_id = await stock_item(engine)
    await run(
        engine,
        "UPDATE esim_inventory SET status = 'RESERVED', order_id = :order_id, reserved_at = now(),"
        " confirmation_code = '7781' WHERE id = :item_id",
        order_id=order_id,
        item_id=item_id,
    )
    said = "she typed stock-1 and 7781 on 2026-11-28"
    assert await note(engine, order_id, said) == (
        "she typed [code withheld] and [code withheld] on 2026-11-28"
    )
    assert await note(engine, other, said) == said


async def test_what_was_bought_for_an_order_is_its_own_after_it_was_given_away(
    engine: AsyncEngine,
) -> None:
    """The first customer may have been shown it, whoever has it now."""
    buyer, keeper = [await paid_order(engine) for _ in range(2)]
    item_id = await bought_item(engine, keeper, "8934010000000000018")
    await purchase(engine, buyer, state="CONFIRMED", item_id=item_id)
    for order_id in (buyer, keeper):
        assert "8934" not in await note(engine, order_id, "it was 8934010000000000018")
