"""Refunds that a person has made: put on record, so that the order follows. For finance alone."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.http import problems
from api.http.auth import PaymentsWrite
from api.http.ids import PathId
from api.http.problems import Problem
from api.http.scalars import Text
from api.http.strict import RequestBody, StrictRoute
from api.resources import Shared
from domain.order import OrderStatus
from domain.payment import PaymentStatus
from operations import payments
from operations.activations import intervention

router = APIRouter(route_class=StrictRoute, prefix="/api/admin/payments", tags=["Payments"])


class RefundRequest(RequestBody):
    """Why somebody gave a payment back."""

    reason: Text


class RefundedBody(BaseModel):
    """A payment that was given back, and its order."""

    id: int
    status: PaymentStatus
    amount_minor_units: int
    currency: str
    order_id: int
    order_status: OrderStatus


@router.post(
    "/{payment_id:id}/refunded",
    responses=problems.responses(400, 401, 403, 404, 413, 415, 422, 503),
)
async def record_refund(
    payment_id: PathId, body: RefundRequest, caller: PaymentsWrite, shared: Shared
) -> RefundedBody:
    """Put on record that a payment was given back. Idempotent; it moves no money.

    If the payment counted, its order is refunded, and an activation that has assigned nothing ends.
    """
    request = intervention(caller.email, body.reason)
    report = await payments.record_refund(shared.engine, shared.activations, payment_id, request)
    if report is None:
        raise Problem(404, "payment-not-found", "Payment not found")
    payment = report.payment
    return RefundedBody(
        id=payment.id,
        status=payment.status,
        amount_minor_units=payment.amount_minor_units,
        currency=payment.currency,
        order_id=payment.order_id,
        order_status=report.order_status,
    )
