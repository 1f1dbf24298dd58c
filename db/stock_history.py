"""Imported history: items that orders were given before the move, and profiles that answer them.

Such an order answers its old code from then on, and never takes stock or buys.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import StaleWrite
from domain.event import EventKind


@dataclass(frozen=True, slots=True)
class Unfit:
    """A staged line whose order cannot have been given the item, and why."""

    line: int
    reason: str


_UNFIT = text("""
    SELECT staged.line, CASE
        WHEN orders.id IS NULL THEN 'There is no order ' || staged.order_id || '.'
        WHEN orders.status <> 'PAID' THEN 'Order ' || orders.id || ' is '
            || orders.status || ', not PAID: write RETIRED for what it was given.'
        WHEN staged.plan_id <> orders.plan_id THEN 'Order ' || orders.id || ' is for plan '
            || orders.plan_id || '.'
        ELSE 'Order ' || orders.id || ' has an activation of its own already.' END AS reason
    FROM staged_stock AS staged
    LEFT JOIN orders ON orders.id = staged.order_id
    LEFT JOIN esim_profiles AS profile ON profile.order_id = orders.id
    WHERE staged.status = 'ASSIGNED' AND (
        orders.id IS NULL OR orders.status <> 'PAID' OR staged.plan_id <> orders.plan_id
        OR profile.status <> 'PENDING_ACTIVATION' OR profile.started_at IS NOT NULL
        OR EXISTS (SELECT FROM esim_inventory AS item WHERE item.order_id = orders.id)
        OR EXISTS (SELECT FROM provider_intents AS bought WHERE bought.order_id = orders.id))
    ORDER BY staged.line
""")

# Locks orders and profiles first, then writes, as every other writer does.
_LOCK = text("""
    SELECT FROM orders JOIN esim_profiles AS profile ON profile.order_id = orders.id
    WHERE orders.id IN (SELECT order_id FROM staged_stock WHERE status = 'ASSIGNED')
    ORDER BY orders.id FOR NO KEY UPDATE
""")
_ADD_PROFILES = text("""
    INSERT INTO esim_profiles (order_id, user_id, plan_id, country_id, carrier_id)
    SELECT id, user_id, plan_id, CAST(plan_snapshot ->> 'country_id' AS bigint),
           CAST(plan_snapshot ->> 'carrier_id' AS bigint)
    FROM orders WHERE id IN (SELECT order_id FROM staged_stock WHERE status = 'ASSIGNED')
    ON CONFLICT (order_id) DO NOTHING
""")
_HOLD = text("""
    UPDATE esim_profiles AS profile
    SET status = 'RESERVED', inventory_item_id = item.id, started_at = now(), updated_at = now(),
        activation_code = item.activation_code, qr_payload = item.qr_payload, iccid = item.iccid,
        instructions = item.instructions, confirmation_code = item.confirmation_code,
        provider_reference = item.provider_reference
    FROM esim_inventory AS item JOIN orders ON orders.id = item.order_id
    WHERE item.import_id = :import_id AND item.status = 'ASSIGNED' AND orders.status = 'PAID'
      AND profile.order_id = item.order_id AND profile.status = 'PENDING_ACTIVATION'
      AND profile.started_at IS NULL
""")
_ASSIGN = text("""
    UPDATE esim_profiles AS profile
    SET status = 'ASSIGNED', provisioned_at = now()
    FROM esim_inventory AS item
    WHERE item.import_id = :import_id AND item.id = profile.inventory_item_id
      AND profile.status = 'RESERVED'
""")
_ACTIVATE = text("""
    UPDATE esim_profiles AS profile
    SET status = 'ACTIVATED', activated_at = now()
    FROM esim_inventory AS item
    WHERE item.import_id = :import_id AND item.id = profile.inventory_item_id
      AND profile.status = 'ASSIGNED'
""")
_RECORD = text("""
    INSERT INTO esim_provisioning_events
        (order_id, kind, from_status, to_status, actor, payload)
    SELECT order_id, :kind, 'PENDING_ACTIVATION', 'ACTIVATED', :actor,
           jsonb_build_object('item_id', id, 'import_id', import_id)
    FROM esim_inventory WHERE import_id = :import_id AND status = 'ASSIGNED' ORDER BY id
""")


async def find_unfit(connection: AsyncConnection) -> list[Unfit]:
    """Staged ASSIGNED lines whose order is none, is not paid, or has an activation, by line."""
    return [Unfit(row.line, row.reason) for row in await connection.execute(_UNFIT)]


async def lock_orders(connection: AsyncConnection) -> None:
    """Lock the orders of the staged ASSIGNED lines until the transaction ends.

    An order that was written by hand gets its profile.
    """
    await connection.execute(_ADD_PROFILES)
    await connection.execute(_LOCK)


async def give(connection: AsyncConnection, import_id: int, actor: str, count: int) -> None:
    """Let the orders of an import's ASSIGNED items answer with them, each with its event.

    Not idempotent, but a second time there is no such order left. Call it after `lock_orders`.

    Raises:
        StaleWrite: an order's activation began meanwhile.
    """
    for step in (_HOLD, _ASSIGN, _ACTIVATE):
        done = await connection.execute(step, {"import_id": import_id})
        if done.rowcount != count:
            raise StaleWrite(f"{done.rowcount} of {count} orders could be given their items.")
    facts = {"import_id": import_id, "actor": actor, "kind": EventKind.HISTORY_IMPORTED}
    await connection.execute(_RECORD, facts)
