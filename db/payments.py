"""Payments: an intent per attempt to pay, settled by what its provider reports.

Reports arrive late, twice and in any order, so an intent only ever moves forward:
pending, failed, succeeded, refunded. Whatever would move it back changes nothing.
"""

import secrets
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db import events, orders
from db.orders import Order
from db.tables import payments
from domain.audit import EventKind, Origin
from domain.errors import StaleWrite
from domain.order_states import OrderStatus, PaymentStatus

_PROGRESS = (
    PaymentStatus.PENDING,
    PaymentStatus.FAILED,
    PaymentStatus.SUCCEEDED,
    PaymentStatus.REFUNDED,
)
_UNPAID = frozenset({OrderStatus.CREATED, OrderStatus.PAYMENT_FAILED})
_INTENT_BYTES = 24
_ORIGIN = Origin(actor="payment-webhook")

_EVENTS = {
    PaymentStatus.SUCCEEDED: EventKind.PAYMENT_SUCCEEDED,
    PaymentStatus.FAILED: EventKind.PAYMENT_FAILED,
    PaymentStatus.REFUNDED: EventKind.PAYMENT_REFUNDED,
}
_ORDER_STATES = {
    PaymentStatus.SUCCEEDED: OrderStatus.PAID,
    PaymentStatus.FAILED: OrderStatus.PAYMENT_FAILED,
    PaymentStatus.REFUNDED: OrderStatus.REFUNDED,
}


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt to pay for an order. `intent_id` is unguessable: whoever has it may report."""

    id: int
    order_id: int
    provider: str
    intent_id: str
    status: PaymentStatus
    amount_minor_units: int
    currency: str


_COLUMNS = tuple(payments.c[name] for name in Payment.__dataclass_fields__)
_READ: Select[Any] = select(*_COLUMNS)


async def pending_for(connection: AsyncConnection, order: Order, provider: str) -> Payment:
    """The intent that a locked order is to be paid by: the pending one, else a new one."""
    pending = _READ.where(
        payments.c.order_id == order.id,
        payments.c.provider == provider,
        payments.c.status == PaymentStatus.PENDING,
    )
    row = (await connection.execute(pending.limit(1))).mappings().one_or_none()
    if row is None:
        created = await connection.execute(
            insert(payments)
            .values(
                order_id=order.id,
                provider=provider,
                intent_id=f"pi_{secrets.token_urlsafe(_INTENT_BYTES)}",
                amount_minor_units=order.amount_minor_units,
                currency=order.currency,
            )
            .returning(*_COLUMNS)
        )
        row = created.mappings().one()
    return Payment(**row)


async def report(
    connection: AsyncConnection, provider: str, intent_id: str, status: PaymentStatus
) -> Payment | None:
    """Apply what the provider says of an intent; None if there is no such intent.

    Idempotent. The order follows its payment, with an event, in the same transaction. A
    payment that must not count (a second success) is put on record for a person to refund.
    """
    mine = _READ.where(payments.c.provider == provider, payments.c.intent_id == intent_id)
    found = (await connection.execute(mine)).mappings().one_or_none()
    if found is None:
        return None
    order = await orders.lock(connection, found["order_id"])
    # Read again: another report may have been applied while we waited for the order's lock.
    payment = Payment(**(await connection.execute(mine)).mappings().one())
    if order is None or _PROGRESS.index(status) <= _PROGRESS.index(payment.status):
        return payment
    return await _advance(connection, order, payment, status)


async def _advance(
    connection: AsyncConnection, order: Order, payment: Payment, status: PaymentStatus
) -> Payment:
    if status is PaymentStatus.SUCCEEDED and order.status not in _UNPAID:
        await _put_on_record(connection, payment)
        return payment
    follows = await _order_follows(connection, order, payment, status)
    await _settle(connection, payment, status)
    if follows:
        await orders.mark(connection, order, _ORDER_STATES[status])
    await events.append(
        connection, order.id, _EVENTS[status], _ORIGIN, payload={"payment_id": payment.id}
    )
    return replace(payment, status=status)


async def _order_follows(
    connection: AsyncConnection, order: Order, payment: Payment, status: PaymentStatus
) -> bool:
    """Whether this payment decides the order's state: another one may have paid for it."""
    if order.status in _UNPAID:
        return order.status is not _ORDER_STATES[status]
    if status is not PaymentStatus.REFUNDED or order.status is OrderStatus.REFUNDED:
        return False
    paid_by_another = await connection.scalar(
        select(payments.c.id).where(
            payments.c.order_id == order.id,
            payments.c.id != payment.id,
            payments.c.status == PaymentStatus.SUCCEEDED,
        )
    )
    return paid_by_another is None


async def _settle(connection: AsyncConnection, payment: Payment, status: PaymentStatus) -> None:
    settled = await connection.execute(
        update(payments)
        .where(payments.c.id == payment.id, payments.c.status == payment.status)
        .values(status=status, settled_at=func.now())
    )
    if settled.rowcount != 1:
        raise StaleWrite(f"Payment {payment.id} changed meanwhile.")


async def _put_on_record(connection: AsyncConnection, payment: Payment) -> None:
    await events.append(
        connection,
        payment.order_id,
        EventKind.REQUEST_IGNORED,
        _ORIGIN,
        error_code="second-payment",
        error="The order needs no further payment: this one is to be refunded.",
        payload={"payment_id": payment.id},
    )
