"""Purchases about to be sent: committed before the call, closed with its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.tables import provider_intents as intents
from domain.errors import StaleWrite
from domain.purchase import IntentState

OPEN = (IntentState.INTENDED, IntentState.SENT, IntentState.UNKNOWN)
"""States in which a purchase may still become, or already be, a charge."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One purchase at one provider."""

    id: int
    order_id: int
    provider: str
    reference: str
    state: IntentState
    attempts: int


_COLUMNS = tuple(intents.c[name] for name in Intent.__dataclass_fields__)


async def open_for(connection: AsyncConnection, order_id: int) -> Intent | None:
    """The order's purchase whose outcome is not known to be final."""
    rows = await connection.execute(
        select(*_COLUMNS).where(intents.c.order_id == order_id, intents.c.state.in_(OPEN))
    )
    row = rows.mappings().one_or_none()
    return Intent(**row) if row else None


async def confirmed_for(connection: AsyncConnection, order_id: int) -> Intent | None:
    """The order's purchase that the provider confirmed: there is one at most, ever."""
    rows = await connection.execute(
        select(*_COLUMNS).where(
            intents.c.order_id == order_id, intents.c.state == IntentState.CONFIRMED
        )
    )
    row = rows.mappings().one_or_none()
    return Intent(**row) if row else None


async def intend(
    connection: AsyncConnection,
    *,
    order_id: int,
    provider: str,
    reference: str,
    request: Mapping[str, object],
) -> Intent:
    """Record a purchase that is about to be sent. `request` holds no secret."""
    rows = await connection.execute(
        insert(intents)
        .values(
            order_id=order_id,
            provider=provider,
            reference=reference,
            request=dict(request),
            state=IntentState.INTENDED,
        )
        .returning(*_COLUMNS)
    )
    return Intent(**rows.mappings().one())


async def mark_sent(connection: AsyncConnection, intent: Intent) -> None:
    """Record that the request leaves now. From here on its outcome is unknown until closed.

    Raises:
        StaleWrite: the intent is not in the state it was read in.
    """
    await _write(
        connection,
        intent,
        state=IntentState.SENT,
        sent_at=func.now(),
        attempts=intent.attempts + (intent.state is not IntentState.INTENDED),
    )


async def close(
    connection: AsyncConnection,
    intent_id: int,
    state: IntentState,
    *,
    reply: Mapping[str, object] | None,
    inventory_item_id: int | None = None,
    error_code: str | None = None,
    error: str | None = None,
) -> None:
    """Record what became of a purchase that was sent, UNKNOWN included. `reply` holds no secret.

    Raises:
        StaleWrite: the intent is not SENT (someone else settled it).
    """
    closed = await connection.execute(
        update(intents)
        .where(intents.c.id == intent_id, intents.c.state == IntentState.SENT)
        .values(
            state=state,
            reply=None if reply is None else dict(reply),
            inventory_item_id=inventory_item_id,
            error_code=error_code,
            error=error,
            closed_at=None if state is IntentState.UNKNOWN else func.now(),
        )
    )
    if closed.rowcount != 1:
        raise StaleWrite(f"Purchase {intent_id} was settled by someone else.")


async def _write(connection: AsyncConnection, intent: Intent, **columns: object) -> None:
    changed = await connection.execute(
        update(intents)
        .where(intents.c.id == intent.id, intents.c.state == intent.state)
        .values(**columns)
    )
    if changed.rowcount != 1:
        raise StaleWrite(f"Purchase {intent.id} changed meanwhile.")
