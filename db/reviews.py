"""What a person does with a purchase in doubt: reads a reply in quarantine, and decides.

A reply is a bearer secret: it is shown to one person at a time and never unrecorded.
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db import events, profiles
from db.purchases import Purchase, move
from db.tables import quarantined_replies
from domain.event import EventKind, Origin
from domain.purchase import PurchaseState, Resolution


async def show_reply(
    connection: AsyncConnection, order_id: int, reply_id: int, actor: str
) -> str | None:
    """Read a reply as it came, a bearer secret, and record that it was shown; None without one.

    Commit before showing it.

    Raises:
        OrderNotFound: there is no such order.
    """
    profile = await profiles.lock(connection, order_id)
    raw: str | None = await connection.scalar(
        select(quarantined_replies.c.raw).where(
            quarantined_replies.c.id == reply_id, quarantined_replies.c.order_id == order_id
        )
    )
    if raw is not None:
        await events.append(
            connection,
            profile.order_id,
            EventKind.REPLY_SHOWN,
            Origin(actor),
            payload={"reply_id": reply_id},
        )
    return raw


async def close(
    connection: AsyncConnection,
    purchase: Purchase,
    resolution: Resolution,
    *,
    by: str,
    reason: str,
    item_id: int | None,
    provider_order_id: str | None,
) -> None:
    """Write down what a person decided of a purchase.

    Args:
        connection: of the transaction that holds the order's profile.
        purchase: as it was read.
        resolution: what became of it.
        by: who says so.
        reason: why.
        item_id: the stock item that the purchase brought, if it exists.
        provider_order_id: what the provider calls the order; one that is known already is kept.

    Raises:
        IllegalTransition: it is not in doubt.
        StaleWrite: the purchase is not in the state it was read in.
    """
    await move(
        connection,
        purchase,
        PurchaseState.RESOLVED,
        resolution=resolution,
        resolved_by=by,
        resolved_reason=reason,
        inventory_item_id=item_id,
        provider_order_id=purchase.provider_order_id or provider_order_id,
        closed_at=func.now(),
    )
