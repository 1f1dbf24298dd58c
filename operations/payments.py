"""Paying for an order: an intent to begin with, then what the payment provider reports of it."""

from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncEngine

from db import orders, payments, profiles
from db.engine import transaction
from db.payments import Payment, Report
from domain.errors import OrderNotFound
from domain.event import Origin
from domain.order import OrderStatus
from domain.payment import PaymentStatus
from domain.profile import ProfileStatus
from operations.deadline import answered
from workflows.client import Activations
from workflows.messages import Intervention

_REFUNDED = Intervention(actor="payment-webhook", reason="payment refunded")


class NotPayable(StrEnum):
    """Why an order cannot be paid for (any more)."""

    ALREADY_PAID = "order-already-paid"
    REFUNDED = "order-refunded"
    CANCELLED = "activation-cancelled"


_SETTLED = {
    OrderStatus.PAID: NotPayable.ALREADY_PAID,
    OrderStatus.REFUNDED: NotPayable.REFUNDED,
}


async def begin(
    engine: AsyncEngine, order_id: int, provider: str, *, user_id: int
) -> Payment | NotPayable:
    """Begin to pay for a user's order, or find the payment that is under way. Idempotent.

    Raises:
        OrderNotFound: no such order, or another user's.
    """
    async with transaction(engine) as connection:
        owned = await orders.find(connection, order_id, user_id=user_id)
        order = await orders.lock(connection, order_id) if owned else None
        if order is None:
            raise OrderNotFound("Order not found")
        if order.status in _SETTLED:
            return _SETTLED[order.status]
        profile = await profiles.find(connection, order.id)
        if profile is not None and profile.status is ProfileStatus.CANCELLED:
            return NotPayable.CANCELLED
        return await payments.pending_for(connection, order, provider)


async def take_report(
    engine: AsyncEngine,
    activations: Activations,
    provider: str,
    intent_id: str,
    status: PaymentStatus,
) -> Payment | None:
    """Apply what the provider says of an intent; None if there is no such intent. Idempotent.

    A refund of the payment that counts also ends the activation.

    Raises:
        EngineUnavailable: the refund is on record, but Temporal is away: report it again.
    """
    async with transaction(engine) as connection:
        report = await payments.report(connection, provider, intent_id, status)
    if report is None:
        return None
    if status is PaymentStatus.REFUNDED:
        await _end_activation(activations, report, _REFUNDED)
    return report.payment


async def record_refund(
    engine: AsyncEngine, activations: Activations, payment_id: int, request: Intervention
) -> Report | None:
    """Put on record that a person gave a payment back; None if there is no such payment.

    Idempotent. It moves no money. If the payment counted, the order is refunded, and an activation
    that has assigned nothing yet ends.

    Raises:
        OrderNotPaid: no payment of the order has arrived.
        EngineUnavailable: it is on record, but Temporal is away: say it again.
    """
    async with transaction(engine) as connection:
        report = await payments.record_refund(
            connection, payment_id, Origin(request.actor), request.reason
        )
    if report is not None:
        await _end_activation(activations, report, request)
    return report


async def _end_activation(activations: Activations, report: Report, why: Intervention) -> None:
    """Ask for it after the commit: a workflow must never act on a refund that was rolled back."""
    if report.order_status is OrderStatus.REFUNDED:
        await answered(activations.cancel(report.payment.order_id, why))
