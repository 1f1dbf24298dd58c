"""Orders: placed once per idempotency key, read by their owner and by ops."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db import events, profiles
from db.catalogue import Plan
from db.columns import OrderColumns
from db.rows import all_of, changed_one, one
from db.tables import orders
from domain.event import EventKind, Origin
from domain.order import OrderStatus


@dataclass(frozen=True, slots=True)
class Order:
    """What was bought, at which price, and whether it is paid."""

    id: int
    user_id: int
    plan_id: int
    status: OrderStatus
    currency: str
    amount_minor_units: int
    plan_snapshot: Mapping[str, object]
    paid_at: datetime | None
    created_at: datetime


_COLUMNS = tuple(orders.c[name] for name in Order.__dataclass_fields__)
READ: Select[Any] = select(*_COLUMNS)


async def find(
    connection: AsyncConnection, order_id: int, *, user_id: int | None = None
) -> Order | None:
    """Find an order; with `user_id`, only if that user owns it."""
    found = READ.where(orders.c.id == order_id)
    if user_id is not None:
        found = found.where(orders.c.user_id == user_id)
    return await one(connection, found, Order)


async def find_by_key(connection: AsyncConnection, user_id: int, key: str) -> Order | None:
    """Find the order that this user placed under this idempotency key."""
    placed = READ.where(orders.c.user_id == user_id, orders.c.idempotency_key == key)
    return await one(connection, placed, Order)


async def owned_by(
    connection: AsyncConnection, user_id: int, *, before_id: int | None = None, limit: int = 100
) -> list[Order]:
    """List a user's orders, newest first, only those with a smaller id than `before_id`."""
    statement = READ.where(orders.c.user_id == user_id)
    if before_id is not None:
        statement = statement.where(orders.c.id < before_id)
    return await all_of(connection, statement.order_by(orders.c.id.desc()).limit(limit), Order)


async def lock(connection: AsyncConnection, order_id: int) -> Order | None:
    """Lock an order until the transaction ends: writers of orders and payments begin here.

    The same lock that `db.profiles.lock` takes, so a refund and an assignment cannot cross.
    """
    locked = READ.where(orders.c.id == order_id).with_for_update(key_share=True)
    return await one(connection, locked, Order)


async def place(
    connection: AsyncConnection, *, user_id: int, plan: Plan, idempotency_key: str | None = None
) -> Order | None:
    """Place an order with its pre-registered profile; None if the key is taken already.

    Safe against a concurrent placement under the same key: the second one waits for the first.
    """
    inserted = (
        insert(orders)
        .values(
            OrderColumns(
                user_id=user_id,
                plan_id=plan.id,
                currency=plan.currency,
                amount_minor_units=plan.price_minor_units,
                plan_snapshot=plan.snapshot(),
                idempotency_key=idempotency_key,
            )
        )
        .on_conflict_do_nothing(index_elements=["user_id", "idempotency_key"])
        .returning(*_COLUMNS)
    )
    order = await one(connection, inserted, Order)
    if order is None:
        return None
    await profiles.ensure(connection, order.id)
    origin = Origin(actor=f"customer:{user_id}")
    await events.append(connection, order.id, EventKind.ORDER_CREATED, origin)
    return order


async def mark(connection: AsyncConnection, order: Order, status: OrderStatus) -> None:
    """Set a locked order's state; a paid one gets its time of payment.

    Raises:
        StaleWrite: the order is not in the state it was read in.
    """
    columns = OrderColumns(status=status)
    if status is OrderStatus.PAID:
        columns["paid_at"] = func.now()
    marked = update(orders).where(orders.c.id == order.id, orders.c.status == order.status)
    await changed_one(connection, marked.values(columns), f"Order {order.id} changed meanwhile.")
