"""Purchases in doubt as the people see them who decide: no code in any of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.rows import all_of, one
from db.tables import esim_profiles, orders, quarantined_replies
from db.tables import provider_intents as intents
from domain.order import OrderStatus
from domain.profile import ProfileStatus
from domain.purchase import PurchaseState, Resolution


@dataclass(frozen=True, slots=True)
class Review:
    """A purchase with its order's facts: in doubt, decided, or any other."""

    id: int
    order_id: int
    provider: str
    reference: str
    provider_order_id: str | None
    state: PurchaseState
    attempts: int
    request: Mapping[str, object]
    reply: Mapping[str, object] | None
    error_code: str | None
    error: str | None
    inventory_item_id: int | None
    created_at: datetime
    sent_at: datetime | None
    accepted_at: datetime | None
    absent_at: datetime | None
    closed_at: datetime | None
    released_at: datetime | None
    returned_at: datetime | None
    return_error: str | None
    downloaded_at: datetime | None
    resolution: Resolution | None
    resolved_by: str | None
    resolved_reason: str | None
    order_status: OrderStatus
    profile_status: ProfileStatus
    user_id: int
    plan_id: int


@dataclass(frozen=True, slots=True)
class KeptReply:
    """A reply in quarantine, without what it says."""

    id: int
    reason: str
    size: int
    created_at: datetime


READ: Select[Any] = (
    select(
        *(intents.c[name] for name in Review.__dataclass_fields__ if name in intents.c),
        orders.c.status.label("order_status"),
        esim_profiles.c.status.label("profile_status"),
        orders.c.user_id,
        orders.c.plan_id,
    )
    .join(orders, orders.c.id == intents.c.order_id)
    .join(esim_profiles, esim_profiles.c.order_id == intents.c.order_id)
)

READ_REPLIES: Select[Any] = select(
    quarantined_replies.c.id,
    quarantined_replies.c.reason,
    func.length(quarantined_replies.c.raw).label("size"),
    quarantined_replies.c.created_at,
)


async def waiting(
    connection: AsyncConnection,
    *,
    provider: str | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[Review]:
    """List purchases that wait for a decision, newest first, from before `before_id` on."""
    statement = READ.where(intents.c.state == PurchaseState.UNKNOWN)
    if provider is not None:
        statement = statement.where(intents.c.provider == provider)
    if before_id is not None:
        statement = statement.where(intents.c.id < before_id)
    return await all_of(connection, statement.order_by(intents.c.id.desc()).limit(limit), Review)


async def of_order(connection: AsyncConnection, order_id: int) -> Review | None:
    """Find the order's purchase in doubt, else the last one that a person has decided."""
    statement = READ.where(
        intents.c.order_id == order_id,
        intents.c.state.in_([PurchaseState.UNKNOWN, PurchaseState.RESOLVED]),
    )
    waits_first = (intents.c.state == PurchaseState.UNKNOWN).desc()
    return await one(
        connection, statement.order_by(waits_first, intents.c.id.desc()).limit(1), Review
    )


async def purchases(connection: AsyncConnection, order_id: int) -> list[Review]:
    """List everything that was ever to be bought for an order, oldest first."""
    statement = READ.where(intents.c.order_id == order_id).order_by(intents.c.id)
    return await all_of(connection, statement, Review)


async def replies(connection: AsyncConnection, order_id: int) -> list[KeptReply]:
    """List the order's replies in quarantine, oldest first, without what they say."""
    kept = quarantined_replies.c
    statement = READ_REPLIES.where(kept.order_id == order_id).order_by(kept.id)
    return await all_of(connection, statement, KeptReply)
