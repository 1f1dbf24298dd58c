"""Writing down that a purchase which nobody needs is given back, by our own call or as it shows."""

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.origin import origin
from db import events, returns, stock
from db.purchases import Purchase
from domain.event import EventKind


async def note_returned(
    connection: AsyncConnection, purchase: Purchase, *, shown_by_order: int | None = None
) -> None:
    """Record that a purchase is given back, free its ICCID, and tell its order's trail.

    Raises:
        StaleWrite: it is not as it was read.
    """
    await returns.mark_returned(connection, purchase)
    if purchase.inventory_item_id is None:
        return
    await stock.give_up_iccid(connection, purchase.inventory_item_id)
    payload: dict[str, object] = {"provider": purchase.provider, "reference": purchase.reference}
    if shown_by_order is not None:
        payload["shown_by_order"] = shown_by_order
    await events.append(
        connection, purchase.order_id, EventKind.PURCHASE_RETURNED, origin(), payload=payload
    )


async def note_shown_returns(connection: AsyncConnection, purchase: Purchase, iccid: str) -> None:
    """Settle earlier returns of a profile that the provider has just allotted to this purchase.

    It had the profile free, so it took it back, whatever became of the answer to our call.
    """
    for earlier in await returns.returns_in_doubt(connection, purchase, iccid):
        await note_returned(connection, earlier, shown_by_order=purchase.order_id)
