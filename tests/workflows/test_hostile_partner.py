"""A provider whose replies are made to hurt costs its own orders, and nobody else's."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import Received, send_json
from tests.rows import paid_order, stock_item
from tests.workflows.conftest import Watch
from workflows.client import Activations

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

HOSTILE = [
    b'{"error": {"message": "' + b"a" * (2**20 - 100) + b'"}}',
    b"[" * 2**19 + b"]" * 2**19,
    b'{"data": {"activationCode": "' + b"A-" * (2**19 - 100) + b'"}}',
]


async def test_another_customer_s_stock_order_is_served_as_usual(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """In one workflow task: a worker that froze for seconds would have lost it and tried again."""
    replies = iter(HOSTILE)
    started = asyncio.Event()

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        del received
        await started.wait()
        await send_json(writer, 200, next(replies))

    partner.answer = answer
    hostile = [await paid_order(engine) for _ in HOSTILE]
    for order_id in hostile:
        await activations.start(order_id, 123)
    async with asyncio.timeout(30):
        while len(partner.requests) < len(HOSTILE):
            await asyncio.sleep(0.02)
    await stock_item(engine)
    usual = await paid_order(engine)
    started.set()
    await activations.start(usual, 123)
    assert await watch.ended(usual) == "activated"
    types = await watch.history_types(usual)
    assert types.count("workflow_task_started_event_attributes") == 1
    for order_id in hostile:
        await watch.until(order_id, "status = 'NEEDS_REVIEW'")
