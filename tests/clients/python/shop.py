"""A shop that knows the API by its generated client alone: order, pay, activate, look.

Run as `python shop.py URL TOKEN PLAN`; prints what the customer gets as JSON.
"""

import json
import sys

from esim_client import AuthenticatedClient
from esim_client.api.activations import get_activation, get_activation_timeline
from esim_client.api.e_si_ms import activate_esim, get_esim, get_esim_qr_svg
from esim_client.api.orders import create_order
from esim_client.api.payments import create_payment, report_payment
from esim_client.models import (
    ActivateRequest,
    ActivationBody,
    ErrorCode,
    EsimBody,
    OrderBody,
    OrderRequest,
    PaymentBody,
    PaymentReport,
    PaymentReportStatus,
    PaymentRequest,
    Problem,
)


def activate(client: AuthenticatedClient, plan_id: int) -> EsimBody:
    """Order a plan, pay for it, and turn it into an eSIM."""
    order = create_order.sync(
        client=client, body=OrderRequest(plan_id=plan_id), idempotency_key="checkout-1"
    )
    assert isinstance(order, OrderBody), order
    assert order.amount_major == "10.00"
    payment = create_payment.sync(client=client, body=PaymentRequest(order_id=order.id))
    assert isinstance(payment, PaymentBody), payment
    report = PaymentReport(intent_id=payment.intent_id, status=PaymentReportStatus.SUCCEEDED)
    assert report_payment.sync(client=client, body=report) is not None
    wanted = ActivateRequest(order_id=order.id)
    begun = activate_esim.sync(client=client, body=wanted, prefer="respond-async")
    assert isinstance(begun, ActivationBody | EsimBody), begun
    esim = activate_esim.sync(client=client, body=wanted, prefer="wait=20")
    assert isinstance(esim, EsimBody), esim
    return esim


def look(client: AuthenticatedClient, esim: EsimBody) -> None:
    """Read what was activated in every other way, and what is not there."""
    assert get_esim.sync(esim.id, client=client) == esim
    assert "<svg" in str(get_esim_qr_svg.sync(esim.id, client=client))
    activation = get_activation.sync(esim.order_id, client=client)
    assert isinstance(activation, ActivationBody), activation
    assert activation.status == esim.status
    assert isinstance(get_activation_timeline.sync(esim.order_id, client=client, limit=5), list)
    missing = activate_esim.sync(client=client, body=ActivateRequest(order_id=2**62))
    assert isinstance(missing, Problem), missing
    assert missing.code is ErrorCode.ORDER_NOT_FOUND


def main(url: str, token: str, plan_id: str) -> None:
    """Be that shop once."""
    client = AuthenticatedClient(base_url=url, token=token, timeout=30)
    esim = activate(client, int(plan_id))
    look(client, esim)
    print(json.dumps(esim.to_dict()))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main(*sys.argv[1:])
