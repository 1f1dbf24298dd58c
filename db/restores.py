"""What a restored database knows of what it has lost, and what is put right in it."""

from datetime import datetime

from sqlalchemy import TextClause, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db import events
from db.columns import ProfileColumns
from db.profiles import Profile
from db.rows import changed_one
from db.tables import esim_profiles as profiles
from db.tables import provider_intents as purchases
from domain.event import EventKind, Origin

_HOLD = text("""
    UPDATE esim_inventory
    SET status = 'RESERVED', order_id = :order_id, reserved_at = now(), updated_at = now()
    WHERE id = :item_id AND status = 'AVAILABLE' AND created_at <= :known_at
      AND NOT EXISTS (SELECT FROM esim_inventory WHERE order_id = :order_id)
    RETURNING id
""")
_RETIRE = text("""
    UPDATE esim_inventory SET status = 'RETIRED', retired_at = now(), updated_at = now(),
        retired_reason = 'shown to an order that a restored database has lost',
        metadata = metadata || jsonb_build_object('shown_to_order', CAST(:order_id AS bigint))
    WHERE id = :item_id AND status = 'AVAILABLE' AND created_at <= :known_at
    RETURNING id
""")
_UNFINISHED = text("""
    SELECT p.order_id FROM esim_profiles p
    WHERE (p.status IN ('PENDING_ACTIVATION', 'RESERVED', 'PROVISIONING_FAILED', 'EXHAUSTED',
                        'NEEDS_REVIEW') AND p.started_at IS NOT NULL)
       OR EXISTS (SELECT FROM provider_intents n WHERE n.order_id = p.order_id
                  AND n.state IN ('INTENDED', 'SENT', 'ACCEPTED', 'UNKNOWN'))
    ORDER BY 1
""")
_SKIP_IDS = text("""
    SELECT count(setval(format('%I.%I', schemaname, sequencename),
                        COALESCE(last_value, start_value) + :by))
    FROM pg_sequences WHERE schemaname = current_schema()
""")


async def note(
    connection: AsyncConnection,
    profile: Profile,
    origin: Origin,
    *,
    reason: str,
    item_id: int | None = None,
) -> None:
    """Note, with its event, that what was bought for an open order so far may be missing here.

    Call it with the profile locked.

    Raises:
        StaleWrite: the profile is not in the state it was read in.
    """
    noted = (
        update(profiles)
        .where(profiles.c.id == profile.id, profiles.c.status == profile.status)
        .values(ProfileColumns(restored_at=func.now(), updated_at=func.now()))
    )
    await changed_one(connection, noted, f"The profile of order {profile.order_id} changed.")
    payload: dict[str, object] = {"reason": reason}
    if item_id is not None:
        payload["item_id"] = item_id
    await events.append(connection, profile.order_id, EventKind.RESTORED, origin, payload=payload)


async def asked_since(connection: AsyncConnection, profile: Profile) -> frozenset[str]:
    """List the providers with a purchase of the order that is newer than its last restore."""
    newer = select(purchases.c.provider).where(
        purchases.c.order_id == profile.order_id, purchases.c.created_at >= profile.restored_at
    )
    return frozenset((await connection.execute(newer)).scalars())


async def hold_again(
    connection: AsyncConnection, order_id: int, item_id: int, *, known_at: datetime
) -> bool:
    """Hold for an order the very item that it was given before; False if that is not to be had.

    `known_at`: when the item was given; one that was added since is another one.
    """
    return await _changed(connection, _HOLD, order_id, item_id, known_at)


async def retire_shown(
    connection: AsyncConnection, order_id: int, item_id: int, *, known_at: datetime
) -> bool:
    """Take an item out of use that an order was given which the database has lost.

    False if there is no such item, or if it is not on the shelf.
    """
    return await _changed(connection, _RETIRE, order_id, item_id, known_at)


async def unfinished(connection: AsyncConnection) -> list[int]:
    """List the orders whose activation has begun and not ended, or whose purchase is open."""
    return [int(order_id) for order_id in (await connection.execute(_UNFINISHED)).scalars()]


async def skip_ids(connection: AsyncConnection, *, by: int) -> int:
    """Move every counter of ids on, past those that were given and lost; returns how many."""
    moved: int = (await connection.execute(_SKIP_IDS, {"by": by})).scalar_one()
    return moved


async def _changed(
    connection: AsyncConnection,
    statement: TextClause,
    order_id: int,
    item_id: int,
    known_at: datetime,
) -> bool:
    values = {"order_id": order_id, "item_id": item_id, "known_at": known_at}
    return await connection.scalar(statement, values) is not None
