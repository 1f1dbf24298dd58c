"""Purchases that nobody needs: which they are, and what became of giving them back."""

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.columns import PurchaseColumns
from db.purchases import COLUMNS, Purchase, find, open_for, write
from db.rows import all_of
from db.tables import esim_inventory as inventory
from db.tables import provider_intents as table
from domain.purchase import PurchaseState
from domain.stock import StockStatus

_OUT_OF_USE_UNSEEN = exists().where(
    inventory.c.id == table.c.inventory_item_id,
    inventory.c.status == StockStatus.RETIRED,
    inventory.c.assigned_at.is_(None),
)
_TO_GIVE_BACK = (
    table.c.state == PurchaseState.CONFIRMED,
    table.c.returned_at.is_(None),
    table.c.downloaded_at.is_(None),
    _OUT_OF_USE_UNSEEN,
)


async def unwanted_for(connection: AsyncConnection, order_id: int) -> Purchase | None:
    """Find the order's purchase whose item went out of use unseen, and is not given back yet."""
    return await find(
        connection,
        table.c.order_id == order_id,
        table.c.return_error.is_(None),
        *_TO_GIVE_BACK,
    )


async def unsettled_for(connection: AsyncConnection, order_id: int) -> Purchase | None:
    """Find the order's purchase that is open, else the one that is still to be given back."""
    return await open_for(connection, order_id) or await unwanted_for(connection, order_id)


async def returns_in_doubt(
    connection: AsyncConnection, purchase: Purchase, iccid: str
) -> list[Purchase]:
    """Lock earlier purchases of an ICCID, at the same provider, that are to be given back.

    Refused ones too: a provider may refuse what it took back before. Not what a device has taken.
    """
    items = select(inventory.c.id).where(inventory.c.iccid == iccid)
    statement = select(*COLUMNS).where(
        table.c.provider == purchase.provider,
        table.c.inventory_item_id.in_(items),
        table.c.id != purchase.id,
        *_TO_GIVE_BACK,
    )
    return await all_of(connection, statement.with_for_update(), Purchase)


async def still_unwanted(connection: AsyncConnection, purchase: Purchase) -> bool:
    """Lock a purchase that is to be given back; False if what became of that is known by now."""
    unsettled = select(table.c.id).where(
        table.c.id == purchase.id, table.c.returned_at.is_(None), table.c.return_error.is_(None)
    )
    return await connection.scalar(unsettled.with_for_update()) is not None


async def mark_returned(
    connection: AsyncConnection, purchase: Purchase, *, refusal: str | None = None
) -> None:
    """Record that an unused purchase was given back, or why it was not. Raises StaleWrite."""
    if refusal is None:
        returned = PurchaseColumns(returned_at=func.now(), return_error=None)
        await write(connection, purchase, returned)
    else:
        await write(connection, purchase, PurchaseColumns(return_error=refusal))
