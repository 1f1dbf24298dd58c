"""Purchases in doubt, as the service leaves them."""

from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import transaction
from db.tables import provider_intents, quarantined_replies
from domain.purchase import PurchaseState
from tests.rows import PLAN_ID, paid_order, run

PROVIDER = "CONNECTED_YOU"
CANARY = "CANARY-7F3A"
"""Part of every code that these tests bring or quarantine; nothing may print it."""

CODE = f"1$smdp.example.com${CANARY}"
ICCID = "8934010000000000018"
RAW = f'{{"activationCode": "LPA:{CODE}"}}'


async def in_doubt(
    engine: AsyncEngine,
    order_id: int,
    *,
    provider: str = PROVIDER,
    state: PurchaseState = PurchaseState.UNKNOWN,
) -> int:
    """An order's purchase that was sent and whose outcome nobody knows; returns its id."""
    async with transaction(engine) as connection:
        added = await connection.execute(
            provider_intents.insert()
            .values(
                order_id=order_id,
                provider=provider,
                reference=f"order-{order_id}",
                state=state,
                attempts=2,
                request={"orderReference": f"order-{order_id}"},
                reply={"status": 504},
                error_code="provider-outcome-unknown",
                error="The partner did not answer in time.",
                provider_order_id="P-1" if state is PurchaseState.ACCEPTED else None,
            )
            .returning(provider_intents.c.id)
        )
        intent_id: int = added.scalar_one()
        return intent_id


async def under_review(engine: AsyncEngine, *, provider: str = PROVIDER) -> int:
    """A paid order whose activation waits for a person to decide on its purchase."""
    order_id = await paid_order(engine)
    await run(
        engine,
        "UPDATE esim_profiles SET status = 'NEEDS_REVIEW', started_at = now(), failed_rounds = 1,"
        " failure_code = 'needs-review', failure_reason = 'It may have been booked.'"
        " WHERE order_id = :id",
        id=order_id,
    )
    await in_doubt(engine, order_id, provider=provider)
    return order_id


async def quarantined(engine: AsyncEngine, order_id: int, raw: str = RAW) -> int:
    """A reply to the order's purchase that nobody may be given; returns its id."""
    async with transaction(engine) as connection:
        intent = provider_intents.select().where(provider_intents.c.order_id == order_id)
        row = (await connection.execute(intent)).one()
        added = await connection.execute(
            quarantined_replies.insert()
            .values(
                intent_id=row.id,
                order_id=order_id,
                provider=row.provider,
                reason="It names another order.",
                raw=raw,
            )
            .returning(quarantined_replies.c.id)
        )
        reply_id: int = added.scalar_one()
        return reply_id


async def not_given_back(engine: AsyncEngine, order_id: int, *, provider: str = PROVIDER) -> None:
    """A purchase that became an item of an ended order, out of use and still to be given back."""
    intent_id = await in_doubt(engine, order_id, provider=provider)
    await run(
        engine,
        "WITH item AS (INSERT INTO esim_inventory (plan_id, activation_code, iccid, provider,"
        " provider_reference, status, order_id, reserved_at, retired_at)"
        " VALUES (:plan, :code, :iccid, :provider, :reference, 'RETIRED', :order, now(), now())"
        " RETURNING id) UPDATE provider_intents SET state = 'CONFIRMED', closed_at = now(),"
        " inventory_item_id = item.id FROM item WHERE provider_intents.id = :intent",
        plan=PLAN_ID,
        code=CODE,
        iccid=ICCID,
        provider=provider,
        reference=f"order-{order_id}",
        order=order_id,
        intent=intent_id,
    )


async def long_story(engine: AsyncEngine, order_id: int, events: int) -> None:
    """So many failed rounds in an order's trail, numbered in their payload from 1 on."""
    await run(
        engine,
        "INSERT INTO esim_provisioning_events (order_id, kind, actor, payload)"
        " SELECT :order, 'round_failed', 'worker', jsonb_build_object('round', n)"
        " FROM generate_series(1, :events) n",
        order=order_id,
        events=events,
    )
