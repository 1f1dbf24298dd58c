"""What a payment provider reports, and that a refund ends the activation that it paid for."""

from sqlalchemy.ext.asyncio import AsyncEngine

from db import payments
from db.engine import transaction
from db.payments import Payment
from domain.order import OrderStatus
from domain.payment import PaymentStatus
from operations.deadline import answered
from workflows.client import Activations
from workflows.messages import Intervention

_REFUNDED = Intervention(actor="payment-webhook", reason="payment refunded")


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
    if status is PaymentStatus.REFUNDED and report.order_status is OrderStatus.REFUNDED:
        # After the commit: a workflow must never act on a refund that was rolled back.
        await answered(activations.cancel(report.payment.order_id, _REFUNDED))
    return report.payment
