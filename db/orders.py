"""Orders: placed once per idempotency key, read by their owner alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db import events, profiles
from db.catalogue import Plan
from db.tables import orders
from domain.errors import StaleWrite
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
_READ: Select[Any] = select(*_COLUMNS)


async def find(connection: AsyncConnection, order_id: int, *, user_id: int) -> Order | None:
    """An order, only if that user owns it."""
    return await _one(connection, _READ.where(orders.c.id == order_id, orders.c.user_id == user_id))


async def find_by_key(connection: AsyncConnection, user_id: int, key: str) -> Order | None:
    """The order that this user placed under this idempotency key."""
    placed = _READ.where(orders.c.user_id == user_id, orders.c.idempotency_key == key)
    return await _one(connection, placed)


async def owned_by(
    connection: AsyncConnection, user_id: int, *, before_id: int | None = None, limit: int = 100
) -> list[Order]:
    """A user's orders, newest first, those with a smaller id than `before_id` only."""
    statement = _READ.where(orders.c.user_id == user_id)
    if before_id is not None:
        statement = statement.where(orders.c.id < before_id)
    rows = await connection.execute(statement.order_by(orders.c.id.desc()).limit(limit))
    return [Order(**row) for row in rows.mappings()]


async def lock(connection: AsyncConnection, order_id: int) -> Order | None:
    """An order, locked until the transaction ends: writers of orders and payments begin here.

    The same lock that `db.profiles.lock` takes, so a refund and an assignment cannot cross.
    """
    locked = _READ.where(orders.c.id == order_id).with_for_update(key_share=True)
    return await _one(connection, locked)


async def place(
    connection: AsyncConnection, *, user_id: int, plan: Plan, idempotency_key: str | None = None
) -> Order | None:
    """Place an order with its pre-registered profile; None if the key is taken already.

    Safe against a concurrent placement under the same key: the second one waits for the first.
    """
    inserted = await connection.execute(
        insert(orders)
        .values(
            user_id=user_id,
            plan_id=plan.id,
            currency=plan.currency,
            amount_minor_units=plan.price_minor_units,
            plan_snapshot=plan.snapshot(),
            idempotency_key=idempotency_key,
        )
        .on_conflict_do_nothing(index_elements=["user_id", "idempotency_key"])
        .returning(*_COLUMNS)
    )
    row = inserted.mappings().one_or_none()
    if row is None:
        return None
    order = Order(**row)
    await profiles.ensure(connection, order.id)
    origin = Origin(actor=f"customer:{user_id}")
    await events.append(connection, order.id, EventKind.ORDER_CREATED, origin)
    return order


async def mark(connection: AsyncConnection, order: Order, status: OrderStatus) -> None:
    """Set a locked order's state; a paid one gets its time of payment.

    Raises:
        StaleWrite: the order is not in the state it was read in.
    """
    columns = {"paid_at": func.now()} if status is OrderStatus.PAID else {}
    changed = await connection.execute(
        update(orders)
        .where(orders.c.id == order.id, orders.c.status == order.status)
        .values(status=status, **columns)
    )
    if changed.rowcount != 1:
        raise StaleWrite(f"Order {order.id} changed meanwhile.")


async def _one(connection: AsyncConnection, statement: Select[Any]) -> Order | None:
    row = (await connection.execute(statement)).mappings().one_or_none()
    return Order(**row) if row else None
