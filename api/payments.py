"""Paying for an order, as far as activation needs it: the MOCK provider, for development.

MOCK reports carry no signature: whoever knows an intent's unguessable id may settle it. A
provider of real money brings a signed webhook of its own.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.http import problems
from api.http.auth import User
from api.http.ids import Id
from api.http.problems import Problem
from api.http.scalars import AnswerBody, Text
from api.http.strict import RequestBody, StrictRoute
from api.resources import Shared
from domain.payment import PaymentStatus
from operations import payments
from operations.payments import NotPayable

router = APIRouter(route_class=StrictRoute, prefix="/api/payments", tags=["Payments"])

_REFUSALS = {
    NotPayable.ALREADY_PAID: "The order is paid already.",
    NotPayable.REFUNDED: "The order was refunded; place a new one.",
    NotPayable.CANCELLED: "The activation of this order was cancelled; place a new one.",
}


class PaymentRequest(RequestBody):
    """Which order to pay."""

    order_id: Id
    provider: Literal["MOCK"] | None = None


class PaymentReport(RequestBody):
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


class ReportBody(AnswerBody):
    """The answer to a payment provider's report."""

    status: Literal["processed"] = "processed"
    intent_status: PaymentStatus


@router.post(
    "/create",
    responses=problems.responses(401, 403, 404, 409, 413, 415, 422, 429, 503),
)
async def create_payment(body: PaymentRequest, caller: User, shared: Shared) -> PaymentBody:
    """Begin to pay for an order, or find the payment that is under way."""
    provider = body.provider or shared.settings.payment_provider
    begun = await payments.begin(shared.engine, body.order_id, provider, user_id=caller.user_id)
    if isinstance(begun, NotPayable):
        raise Problem(409, begun.value, _REFUSALS[begun])
    return PaymentBody.model_validate(begun, from_attributes=True)


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
    payment = await payments.take_report(
        shared.engine,
        shared.activations,
        body.provider,
        body.intent_id,
        PaymentStatus(body.status),
    )
    if payment is None:
        raise Problem(404, "payment-not-found", "Payment not found")
    return ReportBody(intent_status=payment.status)
