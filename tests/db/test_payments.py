"""Payments in Postgres, with real connections racing."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import orders, payments
from db.engine import transaction
from domain.payment import PaymentStatus
from tests.rows import paid_order, value

pytestmark = pytest.mark.usefixtures("catalogue")


async def _intent(engine: AsyncEngine, order_id: int) -> str:
    async with transaction(engine) as connection:
        order = await orders.lock(connection, order_id)
        assert order is not None
        return (await payments.pending_for(connection, order, "MOCK")).intent_id


async def _report(engine: AsyncEngine, intent_id: str, status: PaymentStatus) -> PaymentStatus:
    async with transaction(engine) as connection:
        report = await payments.report(connection, "MOCK", intent_id, status)
        assert report is not None
        return report.payment.status


async def test_success_and_refund_in_a_race_end_refunded(engine: AsyncEngine) -> None:
    """Whichever comes first, the order is refunded in the end, and paid at most once."""
    for _ in range(10):
        order_id = await paid_order(engine, status="CREATED")
        intent_id = await _intent(engine, order_id)
        await asyncio.gather(
            *(_report(engine, intent_id, PaymentStatus.SUCCEEDED) for _ in range(3)),
            *(_report(engine, intent_id, PaymentStatus.REFUNDED) for _ in range(3)),
            *(_report(engine, intent_id, PaymentStatus.FAILED) for _ in range(3)),
        )
        status = await value(engine, "SELECT status FROM orders WHERE id = :id", id=order_id)
        assert status == "REFUNDED"
        paid = await value(
            engine,
            "SELECT count(*) FROM esim_provisioning_events"
            " WHERE order_id = :id AND kind = 'payment_succeeded'",
            id=order_id,
        )
        assert paid <= 1


async def test_two_intents_in_a_race_pay_an_order_once(engine: AsyncEngine) -> None:
    """The second success is put on record and does not count."""
    order_id = await paid_order(engine, status="CREATED")
    first = await _intent(engine, order_id)
    await _report(engine, first, PaymentStatus.FAILED)
    second = await _intent(engine, order_id)
    settled = await asyncio.gather(
        _report(engine, first, PaymentStatus.SUCCEEDED),
        _report(engine, second, PaymentStatus.SUCCEEDED),
    )
    assert settled.count(PaymentStatus.SUCCEEDED) == 1
    succeeded = await value(engine, "SELECT count(*) FROM payments WHERE status = 'SUCCEEDED'")
    assert succeeded == 1


async def test_an_intent_of_another_provider_is_unknown(engine: AsyncEngine) -> None:
    """Provider and id together name an intent."""
    intent_id = await _intent(engine, await paid_order(engine, status="CREATED"))
    async with transaction(engine) as connection:
        found = await payments.report(connection, "STRIPE", intent_id, PaymentStatus.SUCCEEDED)
    assert found is None


async def test_intents_cannot_be_guessed(engine: AsyncEngine) -> None:
    """192 random bits each."""
    intents = [await _intent(engine, await paid_order(engine, status="CREATED")) for _ in range(3)]
    assert len(set(intents)) == 3
    assert all(len(intent) >= 32 for intent in intents)
