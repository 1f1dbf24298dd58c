"""Purchases: written down before the call that may cost money, and moved on by what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Unpack

from sqlalchemy import ColumnElement, bindparam, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.columns import PurchaseColumns
from db.rows import added, changed_one, one
from db.tables import provider_intents as table
from domain.errors import ActivationCancelled, IllegalTransition, ProviderError
from domain.purchase import OPEN, TRANSITIONS, PurchaseState, Resolution
from domain.review import says_more


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
    error_code: str | None

    @property
    def has_left(self) -> bool:
        """Whether a request was ever sent for it."""
        return self.state is not PurchaseState.INTENDED


COLUMNS = tuple(table.c[name] for name in Purchase.__dataclass_fields__)


async def open_for(connection: AsyncConnection, order_id: int) -> Purchase | None:
    """Find the order's purchase that is open: it may still become, or be, a charge."""
    return await find(connection, table.c.order_id == order_id, table.c.state.in_(OPEN))


async def bought_for(connection: AsyncConnection, order_id: int) -> Purchase | None:
    """Find the order's purchase that gave a profile: there is one at most, ever.

    Confirmed by the provider, or by a person who brought its code.
    """
    gave_a_profile = (table.c.state == PurchaseState.CONFIRMED) | (
        (table.c.state == PurchaseState.RESOLVED) & table.c.inventory_item_id.is_not(None)
    )
    return await find(connection, table.c.order_id == order_id, gave_a_profile)


async def was_given_up(connection: AsyncConnection, order_id: int) -> bool:
    """Tell whether a person has decided that nothing more is tried for the order."""
    given_up = exists().where(
        table.c.order_id == order_id, table.c.resolution == Resolution.GIVEN_UP
    )
    return await connection.scalar(select(given_up)) is True


async def refuse_given_up(connection: AsyncConnection, order_id: int) -> None:
    """Refuse to go on with an order that a person has given up: it gets no eSIM any more.

    The cancel that follows a give-up is a call of its own, which may be late or lost. Call it with
    the profile locked, as the decision has it.

    Raises:
        ActivationCancelled: it was given up.
    """
    if await was_given_up(connection, order_id):
        raise ActivationCancelled(f"A purchase of order {order_id} was given up: nothing follows.")


async def intend(
    connection: AsyncConnection,
    *,
    order_id: int,
    provider: str,
    reference: str,
    plan_code: str | None,
    request: Mapping[str, object],
) -> Purchase:
    """Record a purchase that is about to be sent. `request` holds no secret.

    Not idempotent.

    Raises (by way of the transaction):
        StorageFault: the order has an open purchase already.
    """
    columns = PurchaseColumns(
        order_id=order_id,
        provider=provider,
        reference=reference,
        plan_code=plan_code,
        request=dict(request),
        state=PurchaseState.INTENDED,
    )
    return await added(connection, insert(table).values(columns).returning(*COLUMNS), Purchase)


async def mark_sent(connection: AsyncConnection, purchase: Purchase) -> Purchase:
    """Record that the request leaves now. From here on its outcome is unknown until it is moved.

    Raises:
        StaleWrite: the purchase is not in the state it was read in.
    """
    attempts = purchase.attempts + purchase.has_left
    sent_at = func.now()
    await move(connection, purchase, PurchaseState.SENT, sent_at=sent_at, attempts=attempts)
    return replace(purchase, state=PurchaseState.SENT, attempts=attempts)


async def accept(
    connection: AsyncConnection,
    purchase: Purchase,
    state: PurchaseState,
    provider_order_id: str,
    reply: Mapping[str, object],
    *,
    error: ProviderError | None = None,
) -> Purchase:
    """Record that the provider has taken the order on. `reply` holds no secret.

    Args:
        connection: of a transaction.
        purchase: as it was read.
        state: ACCEPTED; UNKNOWN if the order has had its time, and is a person's matter.
        provider_order_id: what the provider calls it.
        reply: what came back.
        error: why it is a person's matter.

    Raises:
        StaleWrite: the purchase is not in the state it was read in.
    """
    columns: PurchaseColumns = {
        "provider_order_id": provider_order_id,
        "accepted_at": func.coalesce(table.c.accepted_at, func.now()),
        "reply": dict(reply),
    }
    if error is not None and not says_more(purchase.error_code, error):
        columns |= {"error_code": error.code, "error": error.message}
    await move(connection, purchase, state, **columns)
    told = columns.get("error_code", purchase.error_code)
    return replace(purchase, state=state, provider_order_id=provider_order_id, error_code=told)


async def note_absent(
    connection: AsyncConnection,
    purchase: Purchase,
    *,
    settle_gap_seconds: float,
    now: datetime | None = None,
) -> bool:
    """Record that a look-up found nothing; True if one a settle gap ago found nothing either.

    Raises:
        StaleWrite: the purchase is not in the state it was read in.
    """
    moment = func.coalesce(
        bindparam("moment", now, type_=table.c.absent_at.type), func.clock_timestamp()
    )
    gap = timedelta(seconds=settle_gap_seconds)
    first = await connection.scalar(
        select(table.c.absent_at <= moment - gap).where(table.c.id == purchase.id)
    )
    if first is None:
        await write(connection, purchase, PurchaseColumns(absent_at=moment))
    return first is True


async def close(
    connection: AsyncConnection,
    purchase: Purchase,
    state: PurchaseState,
    *,
    reply: Mapping[str, object] | None,
    inventory_item_id: int | None = None,
    error: ProviderError | None = None,
) -> Purchase:
    """Record what became of a purchase, UNKNOWN included. `reply` holds no secret.

    What came back before stays where this time nothing did; of a purchase in doubt the weightiest
    finding stays, with its reply.

    Raises:
        IllegalTransition: the state machine has no such edge.
        StaleWrite: the purchase is not in the state it was read in (someone else settled it).
    """
    in_doubt = state is PurchaseState.UNKNOWN
    columns: PurchaseColumns = {
        "inventory_item_id": inventory_item_id,
        "closed_at": None if in_doubt else func.now(),
    }
    if state is PurchaseState.CONFIRMED:
        columns["unheard_since"] = None  # of the call that brought it; the next ones are others
    if not (in_doubt and error and says_more(purchase.error_code, error)):
        columns |= {
            "error_code": error.code if error else None,
            "error": error.message if error else None,
        }
        if reply is not None:
            columns["reply"] = dict(reply)
    await move(connection, purchase, state, **columns)
    told = columns.get("error_code", purchase.error_code)
    return replace(purchase, state=state, inventory_item_id=inventory_item_id, error_code=told)


async def mark_enabled(connection: AsyncConnection, purchase: Purchase) -> None:
    """Record that a purchase's code works now. Raises StaleWrite."""
    released = PurchaseColumns(released_at=func.now(), unheard_since=None)
    await write(connection, purchase, released)


async def move(
    connection: AsyncConnection,
    purchase: Purchase,
    target: PurchaseState,
    **columns: Unpack[PurchaseColumns],
) -> None:
    """Move a purchase along its state machine and set columns with it; it may also stay.

    Raises:
        IllegalTransition: the state machine has no such edge.
        StaleWrite: the purchase is not in the state it was read in.
    """
    if target is not purchase.state and target not in TRANSITIONS[purchase.state]:
        raise IllegalTransition(f"A purchase cannot go from {purchase.state} to {target}.")
    await write(connection, purchase, {**columns, "state": target})


async def find(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> Purchase | None:
    """Find the one purchase, at most, that meets all conditions."""
    return await one(connection, select(*COLUMNS).where(*conditions), Purchase)


async def write(connection: AsyncConnection, purchase: Purchase, columns: PurchaseColumns) -> None:
    """Set columns of a purchase that is in the state it was read in."""
    written = (
        update(table)
        .where(table.c.id == purchase.id, table.c.state == purchase.state)
        .values(columns)
    )
    await changed_one(connection, written, f"Purchase {purchase.id} changed meanwhile.")
