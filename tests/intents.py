"""Purchases as rows, in any state, for tests of what is done with them."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncEngine

from db import purchases
from db.engine import transaction
from db.purchases import Purchase
from domain.purchase import PurchaseState
from tests.rows import force, paid_order, rows

PROVIDER = "AIRALO"


async def intend(engine: AsyncEngine, order_id: int, provider: str = PROVIDER) -> Purchase:
    """Write a purchase down, in a transaction of its own."""
    async with transaction(engine) as connection:
        return await purchases.intend(
            connection,
            order_id=order_id,
            provider=provider,
            reference=f"order-{order_id}",
            plan_code="ES-5GB",
            request={"description": f"order-{order_id}"},
        )


async def in_state(engine: AsyncEngine, state: PurchaseState) -> Purchase:
    """A new order's purchase, put into a state without walking there."""
    intent = await intend(engine, await paid_order(engine))
    await force(
        engine,
        "UPDATE provider_intents SET state = CAST(:state AS text), provider_order_id = 'P-1',"
        " resolution = CASE WHEN CAST(:state AS text) = 'RESOLVED' THEN 'ABSENT' END,"
        " resolved_by = 'ana', resolved_reason = 'a test' WHERE id = :id",
        state=state.name,
        id=intent.id,
    )
    return replace(intent, state=state, provider_order_id="P-1")


async def row_of(engine: AsyncEngine, intent: Purchase) -> dict[str, object]:
    """The purchase as SQL shows it."""
    [found] = await rows(engine, "SELECT * FROM provider_intents WHERE id = :id", id=intent.id)
    return dict(found)
