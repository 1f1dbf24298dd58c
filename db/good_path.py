"""The two database steps of an activation that goes well, each as one statement.

Whoever waits for an order waits for these two, so each is one round trip: locks, changes of state
and audit events together. A statement does all of its work, or it changes nothing and says so; the
caller then takes the long way, where every other case is handled. Triggers and constraints guard
both ways alike.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.stock import by_specificity
from domain.event import EventKind, Origin

RESERVE = text(f"""
    WITH profile AS MATERIALIZED (
        SELECT profile.id, profile.order_id, profile.plan_id, profile.carrier_id,
            profile.country_id
        FROM esim_profiles AS profile JOIN orders ON orders.id = profile.order_id
        WHERE profile.order_id = :order_id AND profile.status = 'PENDING_ACTIVATION'
          AND profile.started_at IS NULL AND profile.restored_at IS NULL AND orders.status = 'PAID'
          AND NOT EXISTS (SELECT FROM esim_inventory WHERE order_id = :order_id)
        FOR NO KEY UPDATE OF profile, orders
    ), found AS MATERIALIZED (
        SELECT profile.id AS profile_id, profile.order_id, COALESCE({
    by_specificity("profile.plan_id", "profile.carrier_id", "profile.country_id")
}) AS item_id
        FROM profile
    ), taken AS (
        UPDATE esim_inventory AS item
        SET status = 'RESERVED', order_id = found.order_id, reserved_at = now(),
            updated_at = now()
        FROM found
        WHERE item.id = found.item_id AND esim_plain_code(item.activation_code, item.qr_payload)
        RETURNING found.profile_id, found.order_id, item.id AS item_id
    ), moved AS (
        UPDATE esim_profiles AS profile
        SET status = 'RESERVED', inventory_item_id = taken.item_id, started_at = now(),
            updated_at = now()
        FROM taken WHERE profile.id = taken.profile_id
        RETURNING taken.order_id, taken.item_id
    ), recorded AS (
        INSERT INTO esim_provisioning_events
            (order_id, kind, from_status, to_status, actor, attempt, workflow_id, run_id, payload)
        SELECT moved.order_id, event.kind, event.source, event.target,
               :actor, CAST(:attempt AS integer), :workflow_id, :run_id,
               CASE event.number WHEN 2 THEN jsonb_build_object('item_id', moved.item_id)
                                 ELSE '{{}}' END
        FROM moved, (VALUES
            (1, '{EventKind.ACTIVATION_STARTED}', NULL, NULL),
            (2, '{EventKind.INVENTORY_RESERVED}', 'PENDING_ACTIVATION', 'RESERVED')
        ) AS event (number, kind, source, target)
        ORDER BY event.number
    )
    SELECT item_id FROM moved
""")  # noqa: S608 - built from constants

# The function stands in db/migrations/versions/0005_assign.py: a profile moves twice in it, which
# one statement alone cannot do.
_ASSIGN = text("""
    SELECT esim_assign(:order_id, :item_id, :handed_over, :actor, :attempt, :workflow_id, :run_id)
""")


async def reserve(connection: AsyncConnection, order_id: int, origin: Origin) -> int | None:
    """Reserve the most specific AVAILABLE item for a paid order that begins; return the item's id.

    None, with nothing changed, if the order is not there, not paid, not pending or begun before,
    or if there is no stock for it, or its code is not written in the plainest way: others are for
    `domain/codes` to judge.

    Raises:
        As `transaction` in `db/engine.py`.
    """
    item_id: int | None = await connection.scalar(RESERVE, {"order_id": order_id} | _of(origin))
    return item_id


async def assign(
    connection: AsyncConnection, order_id: int, item_id: int, origin: Origin, *, handed_over: bool
) -> bool:
    """Give a reserved item to its paid order; with `handed_over`, mark the profile activated too.

    False, with nothing changed, if the order is not paid, does not hold the item, or has it
    already, and if the item's code is not written in the plainest way, as in `reserve`.

    Raises:
        As `transaction` in `db/engine.py`.
    """
    values = {"order_id": order_id, "item_id": item_id, "handed_over": handed_over}
    return await connection.scalar(_ASSIGN, values | _of(origin)) is True


def _of(origin: Origin) -> dict[str, object]:
    return {
        "actor": origin.actor,
        "attempt": origin.attempt,
        "workflow_id": origin.workflow_id,
        "run_id": origin.run_id,
    }
