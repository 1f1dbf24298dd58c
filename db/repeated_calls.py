"""Calls about a purchase that may be repeated: whose answer is missing, and what it would prove."""

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.columns import PurchaseColumns
from db.purchases import Purchase, write
from db.tables import esim_inventory as inventory
from db.tables import provider_intents as table
from domain.purchase import OPEN
from domain.stock import StockStatus


async def note_unheard(connection: AsyncConnection, purchase: Purchase) -> bool:
    """Record that a repeatable call leaves, whose answer is missing until it is here.

    Returns whether the answer to an earlier one is missing.

    Raises:
        StaleWrite: the purchase is not in the state it was read in.
    """
    earlier = await connection.scalar(
        select(table.c.unheard_since).where(table.c.id == purchase.id)
    )
    if earlier is None:
        await write(connection, purchase, PurchaseColumns(unheard_since=func.now()))
    return earlier is not None


async def note_heard(connection: AsyncConnection, purchase: Purchase) -> None:
    """Record that nothing is in doubt of what was called. Idempotent. Raises StaleWrite."""
    await write(connection, purchase, PurchaseColumns(unheard_since=None))


async def is_named_alone(connection: AsyncConnection, purchase: Purchase) -> bool:
    """Tell whether no other purchase that is open, or whose item is in use, has the same name.

    One that a person is looking at counts as open.
    """
    in_use = exists().where(
        inventory.c.id == table.c.inventory_item_id, inventory.c.status != StockStatus.RETIRED
    )
    shared = exists().where(
        table.c.provider == purchase.provider,
        table.c.provider_order_id == purchase.provider_order_id,
        table.c.id != purchase.id,
        table.c.state.in_(OPEN) | in_use,
    )
    return await connection.scalar(select(shared)) is False
