"""Judging stock before it is given out: what can be no code is retired, and the next item taken."""

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.origin import origin
from db import events, profiles, stock
from db.profiles import Profile
from db.stock import StockItem
from domain.codes import InstallCodes, confirmation_code, install_codes
from domain.errors import InvalidInput
from domain.event import EventKind
from domain.profile import ProfileStatus

_MOST_RETIRED = 100
"""In one step; whatever else is faulty is left to the next order."""


def codes_of(item: StockItem) -> InstallCodes:
    """Read what an item would give its customer.

    Raises:
        InvalidInput: that can be no code, or its confirmation code none; quotes neither.
    """
    if item.as_given:
        payload = item.qr_payload or item.activation_code
        return InstallCodes(item.activation_code, payload, installable=False)
    confirmation_code(item.confirmation_code)
    return install_codes(item.activation_code, item.qr_payload)


def fault_of(item: StockItem) -> str | None:
    """Say why an item cannot be given out; None if it can."""
    try:
        codes_of(item)
    except InvalidInput as fault:
        return fault.message
    return None


async def take_sound(connection: AsyncConnection, profile: Profile) -> int | None:
    """Reserve the most specific item that holds a code; retire those before it that hold none.

    Returns the item's id, None if there is no such stock. Call it as `stock.take`.
    """
    for _ in range(_MOST_RETIRED):
        item_id = await stock.take(
            connection,
            order_id=profile.order_id,
            plan_id=profile.plan_id,
            carrier_id=profile.carrier_id,
            country_id=profile.country_id,
        )
        item = await stock.held_by(connection, profile.order_id) if item_id else None
        fault = fault_of(item) if item else None
        if item is None or fault is None:
            return item_id
        await retire_faulty(connection, profile, item, fault)
    return None


async def retire_faulty(
    connection: AsyncConnection, profile: Profile, item: StockItem, fault: str
) -> Profile:
    """Take an item of our own stock that holds no code out of use, with an event that says why.

    A profile that was reserved with it is pending again; returns the profile as it is then.
    """
    await stock.retire(connection, item, fault)
    facts = {"item_id": item.id, "reason": fault}
    kind = EventKind.INVENTORY_RETIRED
    if profile.status is not ProfileStatus.RESERVED:
        await events.append(connection, profile.order_id, kind, origin(), payload=facts)
        return profile
    return await profiles.move(
        connection,
        profile,
        ProfileStatus.PENDING_ACTIVATION,
        kind,
        origin(),
        payload=facts,
        inventory_item_id=None,
    )
