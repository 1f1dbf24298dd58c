"""Orders brought into any state, as the service would leave them."""

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.profile import PARKED, ProfileStatus
from tests.cli.stock_rows import CANARY, iccid
from tests.rows import PLAN_ID, paid_order, run

_WITH_AN_ITEM = (
    ProfileStatus.RESERVED,
    ProfileStatus.ASSIGNED,
    ProfileStatus.ACTIVATED,
    ProfileStatus.EXPIRED,
)
_APPLY = (
    "UPDATE esim_profiles SET status = 'ASSIGNED', provisioned_at = now(), activation_code = :code,"
    " qr_payload = 'LPA:' || :code, instructions = :code, iccid = :iccid WHERE order_id = :order"
)


async def order_in(engine: AsyncEngine, status: ProfileStatus, plan_id: int = PLAN_ID) -> int:
    """A paid order whose profile is in this state; its codes hold the canary."""
    order_id = await paid_order(engine, plan_id)
    started = "UPDATE esim_profiles SET started_at = now() WHERE order_id = :order"
    await run(engine, started, order=order_id)
    if status in _WITH_AN_ITEM:
        await _hold_an_item(engine, order_id)
        for step in _WITH_AN_ITEM[: _WITH_AN_ITEM.index(status) + 1]:
            await _advance(engine, order_id, step)
    elif status in PARKED:
        await _move(
            engine,
            order_id,
            status,
            "failure_code = 'test-failure', failure_reason = 'The test wants it.'",
        )
    elif status is ProfileStatus.CANCELLED:
        await _move(engine, order_id, status, "failure_code = NULL")
    return order_id


async def _hold_an_item(engine: AsyncEngine, order_id: int) -> None:
    await run(
        engine,
        "INSERT INTO esim_inventory (plan_id, activation_code, iccid, qr_payload, status, order_id,"
        " reserved_at) VALUES (:plan, :code, :iccid, 'LPA:' || :code, 'RESERVED', :order, now())",
        plan=PLAN_ID,
        code=_code(order_id),
        iccid=iccid(order_id),
        order=order_id,
    )


async def _advance(engine: AsyncEngine, order_id: int, status: ProfileStatus) -> None:
    if status is ProfileStatus.ASSIGNED:
        await run(engine, _APPLY, code=_code(order_id), iccid=iccid(order_id), order=order_id)
    elif status is ProfileStatus.RESERVED:
        item = "inventory_item_id = (SELECT id FROM esim_inventory WHERE order_id = :order)"
        await _move(engine, order_id, status, item)
    else:
        await _move(engine, order_id, status, "activated_at = now()")


async def _move(engine: AsyncEngine, order_id: int, status: ProfileStatus, columns: str) -> None:
    await run(
        engine,
        f"UPDATE esim_profiles SET status = '{status.name}', {columns} WHERE order_id = :order",
        order=order_id,
    )


def _code(order_id: int) -> str:
    return f"1$smdp.example.com${CANARY}-{order_id}"
