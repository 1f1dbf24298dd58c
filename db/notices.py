"""The inbox of what providers tell by themselves: each notification once, in any order.

Rows are found by the provider and its own names, never by another provider's. Signed ones of
orders that are not known yet stay: the purchase that they speak of may still be on its way back to
us. What nobody signed is kept only if it names a purchase that is open: anybody can send it.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, exists, false, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db import events, profiles
from db.columns import NoticeColumns, PurchaseColumns
from db.rows import one
from db.tables import esim_inventory as inventory
from db.tables import provider_intents as intents
from db.tables import provider_webhooks as inbox
from domain.event import EventKind, Origin
from domain.notice import Notice, NoticeKind
from domain.purchase import OPEN
from domain.redaction import as_note, without_codes

_IS_OPEN = intents.c.state.in_(OPEN)
_ORIGIN = Origin(actor="provider-webhook")
_OUTCOMES = frozenset({NoticeKind.ORDER_READY, NoticeKind.ORDER_FAILED})
_TAKEN = frozenset({NoticeKind.DOWNLOADED, NoticeKind.INSTALLED})
_NAME = re.compile(r"[ -~]{1,255}")
# Unsigned notices of one kind and order that come closer together than this count once: anybody
# can send them, and each would be an event for ever and a call to the provider.
_UNSIGNED_PAUSE = timedelta(seconds=30)

KEPT = timedelta(days=90)
"""How long a notice stays, and longer while its order has an open purchase: its event stays."""
_SWEPT_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a notice speaks of. `intent_id` is None for an item that no purchase of ours gave."""

    order_id: int
    intent_id: int | None
    is_open: bool


async def receive(
    connection: AsyncConnection, provider: str, notices: Sequence[Notice]
) -> frozenset[int]:
    """Put notices on record, each once; a repetition changes nothing.

    Returns the orders whose purchase has news: tell their activations, once this is committed.
    """
    named = [
        (notice, await _subject(connection, provider, notice))
        for notice in sorted(map(_storable, notices), key=lambda notice: notice.event_id)
    ]
    found = [
        (notice, subject)
        for notice, subject in named
        if notice.trusted or (subject is not None and subject.is_open)
    ]
    # Every lock in one order, then every insert in one order: no two requests wait in a ring.
    for order_id in sorted({subject.order_id for _, subject in found if subject}):
        await profiles.lock_or_add(connection, order_id)
    news: set[int] = set()
    for notice, subject in found:
        row_id = await _add(connection, provider, notice, subject)
        if row_id and subject and not await _is_noise(connection, row_id, notice, subject):
            await _note(connection, provider, notice, subject)
            news |= {subject.order_id} if notice.kind in _OUTCOMES else set()
    await _sweep(connection)
    return frozenset(news)


async def failed(connection: AsyncConnection, provider: str, provider_order_id: str) -> str | None:
    """Say why the provider will never deliver exactly this order of its own, if it signed so.

    Never asks by our reference: an old failure of the same reference must not end a newer purchase.

    Never by our reference: an old failure of the same reference must not end a newer purchase.
    """
    reason: str | None = await connection.scalar(
        select(func.coalesce(inbox.c.reason, "The provider gave no reason."))
        .where(
            *_of(provider, provider_order_id),
            inbox.c.kind == NoticeKind.ORDER_FAILED,
            inbox.c.trusted,
        )
        .order_by(inbox.c.id)
        .limit(1)
    )
    return reason


async def heard_of(connection: AsyncConnection, provider: str, provider_order_id: str) -> bool:
    """Tell whether anybody said that this order of the provider's has an outcome to look up."""
    said = exists().where(*_of(provider, provider_order_id), inbox.c.kind.in_(_OUTCOMES))
    return bool(await connection.scalar(select(said)))


def _of(provider: str, provider_order_id: str) -> tuple[ColumnElement[bool], ...]:
    return inbox.c.provider == provider, inbox.c.provider_order_id == provider_order_id


async def _subject(connection: AsyncConnection, provider: str, notice: Notice) -> _Subject | None:
    if notice.kind in _TAKEN and (found := await _item(connection, provider, notice)):
        return found  # what was bought for one order may have come to another
    for column, name in (
        (intents.c.provider_order_id, notice.provider_order_id),
        (intents.c.reference, notice.reference),
    ):
        if name is not None and (found := await _purchase(connection, provider, column == name)):
            return found
    return await _item(connection, provider, notice)


async def _purchase(
    connection: AsyncConnection, provider: str, named: ColumnElement[bool]
) -> _Subject | None:
    """Find the purchase that gave a profile if there are several, else the newest.

    One that was given back comes last: its name may be another's by now.
    """
    statement = (
        select(intents.c.order_id, intents.c.id.label("intent_id"), _IS_OPEN.label("is_open"))
        .where(intents.c.provider == provider, named)
        .order_by(
            intents.c.returned_at.is_not(None),
            intents.c.inventory_item_id.is_(None),
            intents.c.id.desc(),
        )
        .limit(1)
    )
    return await one(connection, statement, _Subject)


async def _item(connection: AsyncConnection, provider: str, notice: Notice) -> _Subject | None:
    """Find the order that has the profile, else the one that it was bought for.

    Of several sales of one ICCID the one that the notice names, else the newest.
    """
    order_id = func.coalesce(inventory.c.order_id, intents.c.order_id)
    is_named = func.coalesce(
        intents.c.provider_order_id == (notice.provider_order_id or ""), false()
    )
    statement = (
        select(
            order_id.label("order_id"),
            intents.c.id.label("intent_id"),
            func.coalesce(_IS_OPEN, False).label("is_open"),
        )
        .select_from(inventory)
        .join(intents, intents.c.inventory_item_id == inventory.c.id, isouter=True)
        .where(
            inventory.c.provider == provider,
            inventory.c.iccid == notice.iccid,
            order_id.is_not(None),
        )
        .order_by(is_named.desc(), inventory.c.id.desc())
        .limit(1)
    )
    return await one(connection, statement, _Subject)


async def _sweep(connection: AsyncConnection) -> None:
    """Delete a few of the oldest notices that are past their time: more than come in, so all go."""
    is_awaited = exists().where(intents.c.order_id == inbox.c.order_id, _IS_OPEN)
    oldest = select(inbox.c.id).order_by(inbox.c.id).limit(_SWEPT_AT_ONCE).scalar_subquery()
    overdue = (
        select(inbox.c.id)
        .where(inbox.c.id.in_(oldest), inbox.c.received_at < func.now() - KEPT, ~is_awaited)
        .with_for_update(skip_locked=True)
    )
    await connection.execute(delete(inbox).where(inbox.c.id.in_(overdue.scalar_subquery())))


async def _add(
    connection: AsyncConnection, provider: str, notice: Notice, subject: _Subject | None
) -> int | None:
    """Add the notice and return its row's id; None if it is on record already."""
    columns = NoticeColumns(
        provider=provider,
        order_id=subject.order_id if subject else None,
        event_id=notice.event_id,
        kind=notice.kind,
        trusted=notice.trusted,
        reference=notice.reference,
        provider_order_id=notice.provider_order_id,
        iccid=notice.iccid,
        reason=notice.reason,
    )
    row_id: int | None = await connection.scalar(
        insert(inbox)
        .values(columns)
        .on_conflict_do_nothing(index_elements=["provider", "event_id"])
        .returning(inbox.c.id)
    )
    return row_id


async def _is_noise(
    connection: AsyncConnection, row_id: int, notice: Notice, subject: _Subject
) -> bool:
    if notice.trusted:
        return False
    said_before = exists().where(
        inbox.c.order_id == subject.order_id,
        inbox.c.kind == notice.kind,
        inbox.c.id != row_id,
        inbox.c.trusted.is_(False),
        inbox.c.received_at > func.now() - _UNSIGNED_PAUSE,
    )
    return bool(await connection.scalar(select(said_before)))


async def _note(
    connection: AsyncConnection, provider: str, notice: Notice, subject: _Subject
) -> None:
    payload = {"provider": provider, "kind": notice.kind.value, "trusted": notice.trusted}
    await events.append(
        connection, subject.order_id, EventKind.PROVIDER_NOTIFIED, _ORIGIN, payload=payload
    )
    if notice.trusted and notice.kind in _TAKEN:
        # No row is right here: the first of these notices counts.
        await connection.execute(
            update(intents)
            .where(intents.c.id == subject.intent_id, intents.c.downloaded_at.is_(None))
            .values(PurchaseColumns(downloaded_at=func.now()))
        )


def _storable(notice: Notice) -> Notice:
    """Make the notice fit for Postgres to hold and index; a name that is not ours finds nothing."""
    return replace(
        notice,
        event_id=_name(notice.event_id) or _digest(notice.event_id),
        reference=_name(notice.reference),
        provider_order_id=_name(notice.provider_order_id),
        iccid=_name(notice.iccid),
        reason=None if notice.reason is None else as_note(notice.reason),
    )


def _name(value: str | None) -> str | None:
    sane = value is not None and _NAME.fullmatch(value) and without_codes(value) == value
    return value if sane else None


def _digest(event_id: str) -> str:
    """Rename an id that cannot be stored, the same way for every repetition."""
    return "sha256:" + hashlib.sha256(event_id.encode(errors="surrogatepass")).hexdigest()
