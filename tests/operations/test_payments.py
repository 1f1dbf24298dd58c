"""A refund ends the activation that it paid for, whoever takes the report."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import orders, payments
from db.engine import transaction
from domain.payment import PaymentStatus
from operations import payments as operations
from tests.rows import paid_order, value
from tests.workflows.conftest import (
    Watch,
    activations,
    ambiguity,
    partner,
    providers,
    timeout_seconds,
    watch,
)
from workflows.client import Activations

__all__ = [
    "activations",
    "ambiguity",
    "partner",
    "providers",
    "timeout_seconds",
    "watch",
]  # of tests/workflows

pytestmark = pytest.mark.usefixtures("catalogue", "worker")


async def test_a_refund_cancels_and_a_success_does_not(
    engine: AsyncEngine, activations: Activations, watch: Watch
) -> None:
    """The activation ends cancelled in the payment provider's name; an unknown intent is None."""
    order_id = await paid_order(engine, status="CREATED")
    async with transaction(engine) as connection:
        order = await orders.lock(connection, order_id)
        assert order is not None
        intent_id = (await payments.pending_for(connection, order, "MOCK")).intent_id
    for status in (PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED):
        assert await activations.state(order_id) is None
        paid = await operations.take_report(engine, activations, "MOCK", intent_id, status)
        assert paid is not None
        assert paid.status is status
    assert await watch.ended(order_id) == "cancelled"
    asked = "SELECT actor FROM esim_provisioning_events WHERE kind = 'cancel_requested'"
    assert await value(engine, asked) == "payment-webhook"
    unknown = await operations.take_report(
        engine, activations, "MOCK", "pi_0", PaymentStatus.SUCCEEDED
    )
    assert unknown is None
