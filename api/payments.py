"""Paying for an order, as far as activation needs it: the MOCK provider, for development.

MOCK reports carry no signature: whoever knows an intent's unguessable id may settle it. A
provider of real money brings a signed webhook of its own.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.http import problems
from api.http.auth import RateLimitedUser
from api.http.ids import Id
from api.http.problems import Problem
from api.http.scalars import Text
from api.resources import Shared
from db import orders, payments, profiles
from db.engine import transaction
from db.payments import Payment
from domain.errors import OrderNotFound
from domain.order import OrderStatus
from domain.payment import PaymentStatus
from domain.profile import ProfileStatus
from operations import refunds

router = APIRouter(prefix="/api/payments", tags=["Payments"])

_SETTLED = {
    OrderStatus.PAID: ("order-already-paid", "The order is paid already."),
    OrderStatus.REFUNDED: ("order-refunded", "The order was refunded; place a new one."),
}
_CANCELLED = (
    "activation-cancelled",
    "The activation of this order was cancelled; place a new one.",
)


class PaymentRequest(BaseModel):
    """Which order to pay."""

    order_id: Id
    provider: Literal["MOCK"] | None = None


class PaymentReport(BaseModel):
    """What the MOCK payment provider says of an intent."""

    provider: Literal["MOCK"] = "MOCK"
    intent_id: Text
    status: Literal["succeeded", "failed", "refunded"]


class PaymentBody(BaseModel):
    """An intent to pay for an order."""

    intent_id: str
    status: PaymentStatus
    provider: str
    amount_minor_units: int
    currency: str

    @classmethod
    def of(cls, payment: Payment) -> "PaymentBody":
        """Show a payment."""
        return cls.model_validate(payment, from_attributes=True)


class ReportBody(BaseModel):
    """The answer to a payment provider's report."""

    status: Literal["processed"] = "processed"
    intent_status: PaymentStatus


@router.post(
    "/create",
    responses=problems.responses(401, 404, 409, 413, 415, 422, 429, 503),
)
async def create_payment(
    body: PaymentRequest, caller: RateLimitedUser, shared: Shared
) -> PaymentBody:
    """Begin to pay for an order, or find the payment that is under way."""
    provider = body.provider or shared.settings.payment_provider
    async with transaction(shared.engine) as connection:
        if await orders.find(connection, body.order_id, user_id=caller.user_id) is None:
            raise OrderNotFound("Order not found")
        order = await orders.lock(connection, body.order_id)
        if order is None:
            raise OrderNotFound("Order not found")
        if order.status in _SETTLED:
            raise Problem(409, *_SETTLED[order.status])
        profile = await profiles.find(connection, order.id)
        if profile is not None and profile.status is ProfileStatus.CANCELLED:
            raise Problem(409, *_CANCELLED)
        return PaymentBody.of(await payments.pending_for(connection, order, provider))


@router.post(
    "/webhook",
    responses=problems.responses(404, 413, 415, 422, 503),
)
async def report_payment(
    body: PaymentReport,
    shared: Shared,
    provider: Annotated[Literal["MOCK"] | None, Query()] = None,  # noqa: ARG001 - only one exists
) -> ReportBody:
    """Take a payment provider's report. Idempotent, in any order.

    A refund of the payment that counts also ends the activation; if that cannot be asked for
    now, the answer is 503, and the sender repeats the report.
    """
    payment = await refunds.take_report(
        shared.engine,
        shared.activations,
        body.provider,
        body.intent_id,
        PaymentStatus(body.status),
    )
    if payment is None:
        raise Problem(404, "payment-not-found", "Payment not found")
    return ReportBody(intent_status=payment.status)
