"""Letting go of what an order holds: our stock goes back on the shelf, a bought item never does."""

from collections.abc import Set as AbstractSet

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.judging import fault_of, retire_faulty
from activities.origin import origin
from db import events, profiles, purchases, stock
from db.profiles import Profile
from domain.event import EventKind
from domain.profile import READY, ProfileStatus
from domain.purchase import PurchaseState


async def release_held(
    connection: AsyncConnection,
    profile: Profile,
    *,
    reason: str,
    ending: bool,
    resellable: AbstractSet[str],
) -> Profile:
    """Let go of what a locked profile's order holds; returns the profile as it is then.

    Harmless if nothing is held, or if the customer has the eSIM already. A bought item of an
    order that ends goes to stock if its provider is among `resellable`, since nobody has seen
    its code; one whose code a person brought has been seen.
    """
    if profile.status in READY:
        return profile
    item = await stock.held_by(connection, profile.order_id)
    if profile.status is ProfileStatus.RESERVED:
        profile = await profiles.move(
            connection,
            profile,
            ProfileStatus.PENDING_ACTIVATION,
            EventKind.INVENTORY_RELEASED,
            origin(),
            payload={"item_id": profile.inventory_item_id, "reason": reason},
            inventory_item_id=None,
        )
    if item is None:
        return profile
    if item.provider is None:
        if (fault := fault_of(item)) is None:
            await stock.release(connection, item)
        else:
            await retire_faulty(connection, profile, item, fault)
    elif ending:
        await _let_go_of_bought(connection, profile, item, reason, resellable)
    return profile


async def _let_go_of_bought(
    connection: AsyncConnection,
    profile: Profile,
    item: stock.StockItem,
    reason: str,
    resellable: AbstractSet[str],
) -> None:
    bought = await purchases.bought_for(connection, profile.order_id)
    seen = bought is not None and bought.state is PurchaseState.RESOLVED
    if item.provider in resellable and not seen:
        kind = EventKind.INVENTORY_RESTOCKED
        await stock.release(connection, item)
    else:
        kind = EventKind.INVENTORY_RETIRED
        await stock.retire(connection, item, reason)
    await events.append(
        connection,
        profile.order_id,
        kind,
        origin(),
        payload={"item_id": item.id, "reason": reason},
    )
