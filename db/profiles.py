"""Profiles: one per order, moved along the state machine together with their audit event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeAlias, Unpack

from sqlalchemy import Select, Update, bindparam, func, select, union_all, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db import events
from db.columns import ProfileColumns
from db.rows import all_of, changed_one
from db.tables import esim_profiles as profiles
from db.tables import orders
from domain.errors import OrderNotFound
from domain.event import EventKind, Origin
from domain.order import OrderStatus
from domain.profile import ProfileStatus, check_transition

Stamp: TypeAlias = Literal["started_at", "provisioned_at", "activated_at"]
"""A column that is set to the present time."""


@dataclass(frozen=True, slots=True)
class Profile:
    """An order's profile with the order facts that every step needs."""

    id: int
    order_id: int
    user_id: int
    plan_id: int
    country_id: int | None
    carrier_id: int | None
    status: ProfileStatus
    inventory_item_id: int | None
    iccid: str | None
    activation_code: str | None = field(repr=False)
    qr_payload: str | None = field(repr=False)
    instructions: str | None = field(repr=False)
    confirmation_code: str | None = field(repr=False)
    provider_reference: str | None
    failure_code: str | None
    failure_reason: str | None
    failed_rounds: int
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    provisioned_at: datetime | None
    activated_at: datetime | None
    restored_at: datetime | None
    order_status: OrderStatus
    plan_snapshot: Mapping[str, object]


READ: Select[Any] = select(
    *(profiles.c[name] for name in Profile.__dataclass_fields__ if name in profiles.c),
    orders.c.status.label("order_status"),
    orders.c.plan_snapshot,
).join(orders, orders.c.id == profiles.c.order_id)

# Built once: building a statement costs the worker more than sending it.
_FIND = READ.where(profiles.c.order_id == bindparam("order_id"))
_FIND_OWN = _FIND.where(orders.c.user_id == bindparam("user_id"))
# NO KEY UPDATE: writers of events (a foreign key to the order) need not wait.
_LOCK = READ.where(profiles.c.order_id == bindparam("order_id")).with_for_update(key_share=True)


async def ensure(connection: AsyncConnection, order_id: int) -> None:
    """Give an order its profile if it has none yet (orders written by hand). Idempotent.

    Raises:
        OrderNotFound: there is no such order.
    """
    snapshot = orders.c.plan_snapshot
    row = select(
        orders.c.id,
        orders.c.user_id,
        orders.c.plan_id,
        snapshot["country_id"].as_integer(),
        snapshot["carrier_id"].as_integer(),
    ).where(orders.c.id == order_id)
    await connection.execute(
        insert(profiles)
        .from_select(["order_id", "user_id", "plan_id", "country_id", "carrier_id"], row)
        .on_conflict_do_nothing(index_elements=["order_id"])
    )
    if await find(connection, order_id) is None:
        raise OrderNotFound("Order not found.")


async def find(
    connection: AsyncConnection, order_id: int, *, user_id: int | None = None
) -> Profile | None:
    """Find an order's profile; with `user_id`, only if that user owns the order."""
    if user_id is None:
        return _one(await _rows(connection, _FIND, order_id=order_id))
    return _one(await _rows(connection, _FIND_OWN, order_id=order_id, user_id=user_id))


async def find_by_id(
    connection: AsyncConnection, profile_id: int, *, user_id: int
) -> Profile | None:
    """Find a profile by its own id, only if that user owns it."""
    statement = READ.where(profiles.c.id == profile_id, orders.c.user_id == user_id)
    return _one(await _rows(connection, statement))


async def owned_by(
    connection: AsyncConnection, user_id: int, *, before_id: int | None = None, limit: int = 100
) -> list[Profile]:
    """List a user's profiles, newest first; only those with a smaller id than `before_id`."""
    statement = READ.where(profiles.c.user_id == user_id)
    return await _rows(connection, _page(statement, before_id, limit))


async def of_orders(connection: AsyncConnection, order_ids: Sequence[int]) -> dict[int, Profile]:
    """Find the profiles of several orders, by order id; orders without one are left out."""
    found = await _rows(connection, READ.where(profiles.c.order_id.in_(order_ids)))
    return {profile.order_id: profile for profile in found}


async def with_status(
    connection: AsyncConnection,
    statuses: frozenset[ProfileStatus],
    *,
    before_id: int | None = None,
    limit: int = 100,
) -> list[Profile]:
    """List profiles in any of these states, newest first, for ops: callers must not show codes."""
    # Each state's own page: the index has several states in no order, and Postgres would rather
    # walk the newest profiles of all states, for as long as none of these is among them.
    pages = [
        _page(select(profiles.c.id).where(profiles.c.status == status), before_id, limit)
        for status in sorted(statuses)
    ]
    ids = union_all(*(select(page.subquery()) for page in pages)).subquery()
    newest = select(ids.c.id).order_by(ids.c.id.desc()).limit(limit).subquery()
    statement = READ.join(newest, newest.c.id == profiles.c.id)
    return await _rows(connection, statement.order_by(profiles.c.id.desc()))


async def lock(connection: AsyncConnection, order_id: int) -> Profile:
    """Lock an order's profile until the transaction ends: every writer begins with this.

    The order's row is locked with it, so that a refund and an assignment cannot cross.

    Raises:
        OrderNotFound: there is no such order, or it has no profile.
    """
    profile = await _locked(connection, order_id)
    if profile is None:
        raise OrderNotFound("Order not found.")
    return profile


async def lock_or_add(connection: AsyncConnection, order_id: int) -> Profile:
    """Lock an order's profile; an order that was written by hand gets one first.

    Raises:
        OrderNotFound: there is no such order.
    """
    profile = await _locked(connection, order_id)
    if profile is not None:
        return profile
    await ensure(connection, order_id)
    return await lock(connection, order_id)


async def move(
    connection: AsyncConnection,
    profile: Profile,
    target: ProfileStatus,
    kind: EventKind,
    origin: Origin,
    *,
    payload: Mapping[str, object] | None = None,
    stamps: tuple[Stamp, ...] = (),
    **columns: Unpack[ProfileColumns],
) -> Profile:
    """Move a locked profile to another state, set columns with it, and record it.

    `stamps` names the columns that are set to the present time. Returns the profile with its
    new state; other columns are as they were read.

    Raises:
        IllegalTransition: the state machine has no such edge.
        StaleWrite: the profile is not in the state it was read in.
    """
    check_transition(profile.status, target)
    await _write(connection, profile, {**columns, "status": target}, stamps)
    await events.append(
        connection,
        profile.order_id,
        kind,
        origin,
        edge=(profile.status, target),
        error_code=columns.get("failure_code"),
        error=columns.get("failure_reason"),
        payload=payload,
    )
    return replace(profile, status=target)


async def note_failed_round(
    connection: AsyncConnection,
    profile: Profile,
    origin: Origin,
    *,
    code: str,
    reason: str,
    payload: Mapping[str, object],
) -> None:
    """Say on a profile that stays pending why the last round of attempts failed.

    Raises:
        StaleWrite: the profile is not in the state it was read in.
    """
    columns = ProfileColumns(
        failure_code=code, failure_reason=reason, failed_rounds=profile.failed_rounds + 1
    )
    await _write(connection, profile, columns)
    await events.append(
        connection,
        profile.order_id,
        EventKind.ROUND_FAILED,
        origin,
        error_code=code,
        error=reason,
        payload=payload,
    )


async def forget_failure(connection: AsyncConnection, profile: Profile) -> None:
    """Clear the failure of a pending profile whose order is under way again.

    Idempotent. The failed round stays counted, and in the audit trail.

    Raises:
        StaleWrite: the profile is not in the state it was read in.
    """
    if profile.status is ProfileStatus.PENDING_ACTIVATION and profile.failure_code is not None:
        nothing = ProfileColumns(failure_code=None, failure_reason=None)
        await _write(connection, profile, nothing)


async def note_start(connection: AsyncConnection, profile: Profile, origin: Origin) -> None:
    """Record that an activation began; only the first call does anything.

    Raises:
        StaleWrite: the profile is not in the state it was read in.
    """
    if profile.started_at is not None:
        return
    await _write(connection, profile, ProfileColumns(), ("started_at",))
    await events.append(connection, profile.order_id, EventKind.ACTIVATION_STARTED, origin)


async def _locked(connection: AsyncConnection, order_id: int) -> Profile | None:
    return _one(await _rows(connection, _LOCK, order_id=order_id))


async def _write(
    connection: AsyncConnection,
    profile: Profile,
    columns: ProfileColumns,
    stamps: tuple[Stamp, ...] = (),
) -> None:
    await changed_one(
        connection,
        _update(frozenset(columns), stamps),
        f"The profile of order {profile.order_id} changed meanwhile.",
        {"profile_id": profile.id, "profile_status": profile.status, **columns},
    )


@cache
def _update(names: frozenset[str], stamps: tuple[Stamp, ...]) -> Update:
    """Set these columns to parameters of their names, and those to the present time."""
    return (
        update(profiles)
        .where(
            profiles.c.id == bindparam("profile_id"),
            profiles.c.status == bindparam("profile_status", type_=profiles.c.status.type),
        )
        .values(
            {"updated_at": func.now()}
            | dict.fromkeys(stamps, func.now())
            | {name: bindparam(name, type_=profiles.c[name].type) for name in names}
        )
    )


async def _rows(
    connection: AsyncConnection, statement: Select[Any], **values: object
) -> list[Profile]:
    return await all_of(connection, statement, Profile, values)


def _page(statement: Select[Any], before_id: int | None, limit: int) -> Select[Any]:
    if before_id is not None:
        statement = statement.where(profiles.c.id < before_id)
    return statement.order_by(profiles.c.id.desc()).limit(limit)


def _one(rows: list[Profile]) -> Profile | None:
    return rows[0] if rows else None
