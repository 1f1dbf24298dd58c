"""Payments: an intent per attempt to pay, settled by what its provider reports.

Reports arrive late, twice and in any order, so an intent only ever moves forward:
pending, failed, succeeded, refunded. Whatever would move it back changes nothing.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db import events, orders, profiles
from db.columns import PaymentColumns
from db.orders import Order
from db.rows import added, changed_one, one
from db.tables import esim_provisioning_events, payments
from domain.errors import OrderNotPaid
from domain.event import EventKind, Origin
from domain.order import OrderStatus
from domain.payment import PaymentStatus
from domain.profile import ProfileStatus

_PROGRESS = (
    PaymentStatus.PENDING,
    PaymentStatus.FAILED,
    PaymentStatus.SUCCEEDED,
    PaymentStatus.REFUNDED,
)
_UNPAID = frozenset({OrderStatus.CREATED, OrderStatus.PAYMENT_FAILED})
_INTENT_BYTES = 24
_ORIGIN = Origin(actor="payment-webhook")
_SECOND_PAYMENT = "second-payment"

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


@dataclass(frozen=True, slots=True)
class Report:
    """What a report led to: its payment and that payment's order, as they are now."""

    payment: Payment
    order_status: OrderStatus


_COLUMNS = tuple(payments.c[name] for name in Payment.__dataclass_fields__)
READ: Select[Any] = select(*_COLUMNS)


async def pending_for(connection: AsyncConnection, order: Order, provider: str) -> Payment:
    """Find the pending intent that a locked order is to be paid by, or add one."""
    pending = READ.where(
        payments.c.order_id == order.id,
        payments.c.provider == provider,
        payments.c.status == PaymentStatus.PENDING,
    )
    return await one(connection, pending.limit(1), Payment) or await _begin(
        connection, order, provider
    )


async def report(
    connection: AsyncConnection, provider: str, intent_id: str, status: PaymentStatus
) -> Report | None:
    """Apply what the provider says of an intent; None if there is no such intent.

    Idempotent. The order follows its payment, with an event, in the same transaction. Money
    that buys nothing is put on record for a person to refund: a second success does not count,
    one after the activation was cancelled does.
    """
    mine = READ.where(payments.c.provider == provider, payments.c.intent_id == intent_id)
    return await _apply(connection, mine, status, _ORIGIN)


async def record_refund(
    connection: AsyncConnection, payment_id: int, origin: Origin, reason: str
) -> Report | None:
    """Put on record that a person gave a payment back; None if there is no such payment.

    Idempotent: the first one stays on record. The order follows, as it follows a report.

    Raises:
        OrderNotPaid: no payment of the order has arrived.
    """
    mine = READ.where(payments.c.id == payment_id)
    found = await one(connection, mine, Payment)
    order = await orders.lock(connection, found.order_id) if found else None
    if order is not None and order.status in _UNPAID:
        raise OrderNotPaid("Nobody has paid for the order: there is nothing to give back.")
    return await _apply(connection, mine, PaymentStatus.REFUNDED, origin, {"reason": reason})


async def _apply(
    connection: AsyncConnection,
    mine: Select[Any],
    status: PaymentStatus,
    origin: Origin,
    note: Mapping[str, object] = MappingProxyType({}),
) -> Report | None:
    found = await one(connection, mine, Payment)
    order = await orders.lock(connection, found.order_id) if found else None
    # Read again: another report may have been applied while we waited for the order's lock.
    payment = await one(connection, mine, Payment)
    if order is None or payment is None:
        return None
    if _PROGRESS.index(status) <= _PROGRESS.index(payment.status):
        return Report(payment, order.status)
    reported = await _advance(connection, order, payment, status)
    if reported.payment.status is status:
        await _record(connection, reported.payment, origin, note)
    return reported


async def _begin(connection: AsyncConnection, order: Order, provider: str) -> Payment:
    columns = PaymentColumns(
        order_id=order.id,
        provider=provider,
        intent_id=f"pi_{secrets.token_urlsafe(_INTENT_BYTES)}",
        amount_minor_units=order.amount_minor_units,
        currency=order.currency,
    )
    return await added(connection, insert(payments).values(columns).returning(*_COLUMNS), Payment)


async def _advance(
    connection: AsyncConnection, order: Order, payment: Payment, status: PaymentStatus
) -> Report:
    if status is PaymentStatus.SUCCEEDED and order.status not in _UNPAID:
        await _put_on_record(connection, payment)
        return Report(payment, order.status)
    await _settle(connection, payment, status)
    order_status = order.status
    if _decides(payment, order) and order_status is not _ORDER_STATES[status]:
        order_status = _ORDER_STATES[status]
        await orders.mark(connection, order, order_status)
    return Report(replace(payment, status=status), order_status)


def _decides(payment: Payment, order: Order) -> bool:
    """Tell whether the order follows this payment: a paid one only follows what paid for it."""
    paid_for_it = order.status is OrderStatus.PAID and payment.status is PaymentStatus.SUCCEEDED
    return order.status in _UNPAID or paid_for_it


async def _record(
    connection: AsyncConnection, payment: Payment, origin: Origin, note: Mapping[str, object]
) -> None:
    """Record one event; a success says so if it came too late to buy anything."""
    profile = await profiles.find(connection, payment.order_id)
    cancelled = profile is not None and profile.status is ProfileStatus.CANCELLED
    too_late = cancelled and payment.status is PaymentStatus.SUCCEEDED
    await events.append(
        connection,
        payment.order_id,
        _EVENTS[payment.status],
        origin,
        error_code="paid-after-cancellation" if too_late else None,
        error="The activation was cancelled: this payment is to be refunded." if too_late else None,
        payload={"payment_id": payment.id, **note},
    )


async def _settle(connection: AsyncConnection, payment: Payment, status: PaymentStatus) -> None:
    settled = (
        update(payments)
        .where(payments.c.id == payment.id, payments.c.status == payment.status)
        .values(PaymentColumns(status=status, settled_at=func.now()))
    )
    await changed_one(connection, settled, f"Payment {payment.id} changed meanwhile.")


async def _put_on_record(connection: AsyncConnection, payment: Payment) -> None:
    """Record it once per payment: its state does not change, so nothing else tells a repeat."""
    recorded = await connection.scalar(
        select(esim_provisioning_events.c.id)
        .where(
            esim_provisioning_events.c.order_id == payment.order_id,
            esim_provisioning_events.c.error_code == _SECOND_PAYMENT,
            esim_provisioning_events.c.payload.contains({"payment_id": payment.id}),
        )
        .limit(1)
    )
    if recorded is not None:
        return
    await events.append(
        connection,
        payment.order_id,
        EventKind.REQUEST_IGNORED,
        _ORIGIN,
        error_code=_SECOND_PAYMENT,
        error="The order needs no further payment: this one is to be refunded.",
        payload={"payment_id": payment.id},
    )
