"""Purchases about to be sent: committed before the call, closed with its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.tables import esim_inventory as inventory
from db.tables import provider_intents as intents
from domain.errors import StaleWrite
from domain.purchase import PurchaseState, Resolution
from domain.stock import StockStatus

OPEN = (PurchaseState.INTENDED, PurchaseState.SENT, PurchaseState.ACCEPTED, PurchaseState.UNKNOWN)
"""States in which a purchase may still become, or already be, a charge."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One purchase at one provider."""

    id: int
    order_id: int
    provider: str
    reference: str
    plan_code: str | None
    state: PurchaseState
    attempts: int
    provider_order_id: str | None
    inventory_item_id: int | None
    released_at: datetime | None


_COLUMNS = tuple(intents.c[name] for name in Purchase.__dataclass_fields__)


async def open_for(connection: AsyncConnection, order_id: int) -> Purchase | None:
    """The order's purchase whose outcome is not known to be final."""
    return await _one(connection, intents.c.order_id == order_id, intents.c.state.in_(OPEN))


async def bought_for(connection: AsyncConnection, order_id: int) -> Purchase | None:
    """The order's purchase that gave a profile: there is one at most, ever.

    Confirmed by the provider, or by a person who brought its code.
    """
    gave_a_profile = (intents.c.state == PurchaseState.CONFIRMED) | (
        (intents.c.state == PurchaseState.RESOLVED) & intents.c.inventory_item_id.is_not(None)
    )
    return await _one(connection, intents.c.order_id == order_id, gave_a_profile)


async def was_given_up(connection: AsyncConnection, order_id: int) -> bool:
    """Whether a person has decided that nothing more is tried for the order."""
    given_up = exists().where(
        intents.c.order_id == order_id, intents.c.resolution == Resolution.GIVEN_UP
    )
    return await connection.scalar(select(given_up)) is True


async def unwanted_for(connection: AsyncConnection, order_id: int) -> Purchase | None:
    """The order's purchase whose item went out of use unseen, and that was not given back yet."""
    return await _one(
        connection,
        intents.c.order_id == order_id,
        intents.c.state == PurchaseState.CONFIRMED,
        intents.c.returned_at.is_(None),
        intents.c.return_error.is_(None),
        intents.c.downloaded_at.is_(None),
        exists().where(
            inventory.c.id == intents.c.inventory_item_id,
            inventory.c.status == StockStatus.RETIRED,
            inventory.c.assigned_at.is_(None),
        ),
    )


async def unsettled_for(connection: AsyncConnection, order_id: int) -> Purchase | None:
    """The order's purchase that is open, else the one that is still to be given back."""
    return await open_for(connection, order_id) or await unwanted_for(connection, order_id)


async def intend(
    connection: AsyncConnection,
    *,
    order_id: int,
    provider: str,
    reference: str,
    plan_code: str | None,
    request: Mapping[str, object],
) -> Purchase:
    """Record a purchase that is about to be sent. `request` holds no secret."""
    rows = await connection.execute(
        insert(intents)
        .values(
            order_id=order_id,
            provider=provider,
            reference=reference,
            plan_code=plan_code,
            request=dict(request),
            state=PurchaseState.INTENDED,
        )
        .returning(*_COLUMNS)
    )
    return Purchase(**rows.mappings().one())


async def mark_sent(connection: AsyncConnection, intent: Purchase) -> Purchase:
    """Record that the request leaves now. From here on its outcome is unknown until closed.

    Raises:
        StaleWrite: the intent is not in the state it was read in.
    """
    attempts = intent.attempts + (intent.state is not PurchaseState.INTENDED)
    await _write(
        connection, intent, state=PurchaseState.SENT, sent_at=func.now(), attempts=attempts
    )
    return replace(intent, state=PurchaseState.SENT, attempts=attempts)


async def accept(
    connection: AsyncConnection,
    intent: Purchase,
    provider_order_id: str,
    reply: Mapping[str, object],
) -> Purchase:
    """Record that the provider has taken the order on. `reply` holds no secret.

    Raises:
        StaleWrite: the intent is not in the state it was read in.
    """
    await _write(
        connection,
        intent,
        state=PurchaseState.ACCEPTED,
        provider_order_id=provider_order_id,
        accepted_at=func.coalesce(intents.c.accepted_at, func.now()),
        reply=dict(reply),
    )
    return replace(intent, state=PurchaseState.ACCEPTED, provider_order_id=provider_order_id)


async def note_absent(
    connection: AsyncConnection,
    intent: Purchase,
    *,
    settle_gap_seconds: float,
    now: datetime | None = None,
) -> bool:
    """Record that a look-up found nothing; True if one a settle gap ago found nothing either.

    Raises:
        StaleWrite: the intent is not in the state it was read in.
    """
    moment = func.coalesce(
        bindparam("moment", now, type_=intents.c.absent_at.type), func.clock_timestamp()
    )
    gap = timedelta(seconds=settle_gap_seconds)
    first = await connection.scalar(
        select(intents.c.absent_at <= moment - gap).where(intents.c.id == intent.id)
    )
    if first is None:
        await _write(connection, intent, absent_at=moment)
    return first is True


async def close(
    connection: AsyncConnection,
    intent: Purchase,
    state: PurchaseState,
    *,
    reply: Mapping[str, object] | None,
    inventory_item_id: int | None = None,
    error_code: str | None = None,
    error: str | None = None,
) -> None:
    """Record what became of a purchase, UNKNOWN included. `reply` holds no secret.

    Raises:
        StaleWrite: the intent is not in the state it was read in (someone else settled it).
    """
    # What came back before stays, where this time nothing did.
    kept = {} if reply is None else {"reply": dict(reply)}
    await _write(
        connection,
        intent,
        state=state,
        inventory_item_id=inventory_item_id,
        error_code=error_code,
        error=error,
        closed_at=None if state is PurchaseState.UNKNOWN else func.now(),
        **kept,
    )


async def mark_released(connection: AsyncConnection, intent: Purchase) -> None:
    """Record that a purchase's code works now. Raises StaleWrite."""
    await _write(connection, intent, released_at=func.now())


async def mark_returned(
    connection: AsyncConnection, intent: Purchase, *, refusal: str | None = None
) -> None:
    """Record that an unused purchase was given back, or why it was not. Raises StaleWrite."""
    if refusal is None:
        await _write(connection, intent, returned_at=func.now())
    else:
        await _write(connection, intent, return_error=refusal)


async def _one(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> Purchase | None:
    rows = await connection.execute(select(*_COLUMNS).where(*conditions))
    row = rows.mappings().one_or_none()
    return Purchase(**row) if row else None


async def _write(connection: AsyncConnection, intent: Purchase, **columns: object) -> None:
    changed = await connection.execute(
        update(intents)
        .where(intents.c.id == intent.id, intents.c.state == intent.state)
        .values(**columns)
    )
    if changed.rowcount != 1:
        raise StaleWrite(f"Purchase {intent.id} changed meanwhile.")
