"""The audit trail: written in the transaction of the change it records, never altered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.columns import EventColumns
from db.rows import all_of
from db.tables import esim_provisioning_events as events
from domain.event import EventKind, Origin
from domain.profile import ProfileStatus


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an order's timeline. Holds no secret."""

    id: int
    kind: str
    from_status: ProfileStatus | None
    to_status: ProfileStatus | None
    actor: str
    attempt: int | None
    workflow_id: str | None
    run_id: str | None
    error_code: str | None
    error: str | None
    payload: Mapping[str, object]
    created_at: datetime


# Built once: building a statement costs the worker more than sending it.
_APPEND = insert(events).inline()
TIMELINE = select(*(events.c[name] for name in Event.__dataclass_fields__))


async def append(
    connection: AsyncConnection,
    order_id: int,
    kind: EventKind,
    origin: Origin,
    *,
    edge: tuple[ProfileStatus, ProfileStatus] | None = None,
    error_code: str | None = None,
    error: str | None = None,
    payload: Mapping[str, object] | None = None,
) -> None:
    """Record what happened to an order, and wake whoever waits for it once committed.

    Not idempotent: call it in the transaction of the change itself.
    """
    source, target = edge or (None, None)
    written = EventColumns(
        order_id=order_id,
        kind=kind.value,
        from_status=source,
        to_status=target,
        actor=origin.actor,
        attempt=origin.attempt,
        workflow_id=origin.workflow_id,
        run_id=origin.run_id,
        error_code=error_code,
        error=error,
        payload=dict(payload or {}),
    )
    await connection.execute(_APPEND, written)


async def timeline(
    connection: AsyncConnection, order_id: int, *, after_id: int = 0, limit: int = 500
) -> list[Event]:
    """List an order's events, oldest first; only those after `after_id`."""
    later = (
        TIMELINE.where(events.c.order_id == order_id, events.c.id > after_id)
        .order_by(events.c.id)
        .limit(limit)
    )
    return await all_of(connection, later, Event)


async def newest(
    connection: AsyncConnection, order_id: int, *, limit: int = 500
) -> tuple[list[Event], int]:
    """List an order's newest events, oldest of them first, and count the earlier ones."""
    rows = await connection.execute(
        TIMELINE.add_columns(func.count().over().label("total"))
        .where(events.c.order_id == order_id)
        .order_by(events.c.id.desc())
        .limit(limit)
    )
    newest_first = [dict(row) for row in rows.mappings()]
    total = max((row.pop("total") for row in newest_first), default=0)
    found = [Event(**row) for row in reversed(newest_first)]
    return found, total - len(found)
