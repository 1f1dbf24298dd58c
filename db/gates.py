"""The gate in front of each provider, as one row for the whole fleet.

Every function takes the row's lock, so that two workers never count the same permit. Lock order:
an order's profile first, then a gate.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, case, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.tables import orders
from db.tables import provider_gates as gates
from db.tables import provider_intents as intents
from domain.errors import ProviderError, StaleWrite
from domain.gate import (
    Gate,
    Hold,
    HoldReason,
    ProviderLimits,
    SpendLimits,
    after_failure,
    after_success,
    pass_through,
)
from domain.provider import Balance
from domain.purchase import PurchaseState, Resolution

_COLUMNS = tuple(gates.c[name] for name in Gate.__dataclass_fields__)
_SPEND_RECHECK_SECONDS = 300.0
_BALANCE_INTERVAL_SECONDS = 600

# A test may bring a clock of its own; otherwise the database's is the only one.
_NOW = func.coalesce(bindparam("now", type_=gates.c.paused_at.type), func.clock_timestamp())
_ADD = insert(gates).on_conflict_do_nothing()
_LOCK: Select[Any] = (
    select(_NOW.label("now"), *_COLUMNS)
    .where(gates.c.provider == bindparam("name"))
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class Spending:
    """A purchase, as the spend guard sees it: who it is for, and what is allowed in all."""

    allowance: SpendLimits
    user_id: int


async def peek(
    connection: AsyncConnection, provider: str, limits: ProviderLimits, *, now: datetime | None
) -> Hold | None:
    """Why a call would be held now, rate limit left aside; takes no permit."""
    gate, moment = await _lock(connection, provider, now)
    answer = pass_through(gate, limits, moment)
    is_held = isinstance(answer, Hold) and answer.reason is not HoldReason.RATE
    return answer if isinstance(answer, Hold) and is_held else None


async def enter(
    connection: AsyncConnection,
    provider: str,
    limits: ProviderLimits,
    *,
    now: datetime | None,
    spending: Spending | None = None,
) -> Hold | None:
    """Take the permit for one call; why not, if there is none. Commit before calling.

    Args:
        connection: the transaction that the gate is locked in.
        provider: whose gate.
        limits: what it bears.
        now: a test's clock; None for the database's.
        spending: for a purchase: it must also be within the spend guard.
    """
    gate, moment = await _lock(connection, provider, now)
    answer = pass_through(gate, limits, moment)
    if isinstance(answer, Hold):
        return answer
    if spending and (hold := await spend(connection, provider, limits, spending)):
        return hold
    await _write(connection, provider, **asdict(answer))
    return None


async def report(
    connection: AsyncConnection,
    provider: str,
    limits: ProviderLimits,
    error: ProviderError | None,
    *,
    now: datetime | None,
) -> bool:
    """Say how a call ended. True if this opened the breaker."""
    gate, moment = await _lock(connection, provider, now)
    if error is None or not error.is_outage:
        await _write(connection, provider, **asdict(after_success(gate)), last_success_at=moment)
        return False
    failed = after_failure(gate, limits, moment, error.retry_after_seconds)
    await _write(
        connection,
        provider,
        **asdict(failed),
        last_failure_at=moment,
        last_failure_code=error.code,
    )
    return gate.opened_at is None and failed.opened_at is not None


async def spend(
    connection: AsyncConnection, provider: str, limits: ProviderLimits, spending: Spending
) -> Hold | None:
    """Whether one more purchase is within the spend guard; `enter` asks it in its lock.

    Counts what was sent in the last hour, but for what was refused or, as a person found out, never
    booked. "In all" may be exceeded by as many purchases as there are providers, which are counted
    side by side.
    """
    if limits.purchases_per_hour is None:
        return None
    allowance = spending.allowance
    counted = (await connection.execute(_spent(provider, spending.user_id))).one()
    guards = (
        (counted.everywhere, allowance.purchases_per_hour),
        (counted.here, limits.purchases_per_hour),
        (counted.by_user, allowance.purchases_per_hour_per_user),
    )
    if any(limit is not None and sent >= limit for sent, limit in guards):
        return Hold(HoldReason.SPEND, _SPEND_RECHECK_SECONDS)
    return None


async def claim_balance(connection: AsyncConnection, provider: str) -> bool:
    """Take the turn to ask for a balance: one process of the fleet in ten minutes."""
    await connection.execute(_ADD, {"provider": provider})
    since = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, _BALANCE_INTERVAL_SECONDS)
    claimed = await connection.execute(
        update(gates)
        .where(
            gates.c.provider == provider,
            func.coalesce(gates.c.balance_at, func.to_timestamp(0)) <= since,
        )
        .values(balance_at=func.now())
    )
    return claimed.rowcount == 1


async def note_balance(connection: AsyncConnection, provider: str, balance: Balance) -> None:
    """Keep what a provider says is left.

    Raises:
        StaleWrite: the provider has no row.
    """
    await _write(
        connection,
        provider,
        balance=balance.amount,
        balance_currency=balance.currency,
        balance_at=func.now(),
    )


async def _lock(
    connection: AsyncConnection, provider: str, now: datetime | None
) -> tuple[Gate, datetime]:
    found = await connection.execute(_LOCK, {"name": provider, "now": now})
    row = found.one_or_none()
    if row is None:
        await connection.execute(_ADD, {"provider": provider})
        row = (await connection.execute(_LOCK, {"name": provider, "now": now})).one()
    moment: datetime = row[0]
    return Gate(*row[1:]), moment


async def _write(connection: AsyncConnection, provider: str, **columns: object) -> None:
    written = await connection.execute(
        update(gates).where(gates.c.provider == provider).values(**columns)
    )
    if written.rowcount != 1:
        raise StaleWrite(f"The gate of {provider} is gone.")


def _spent(provider: str, user_id: int) -> Select[Any]:
    def counted(condition: Any) -> Any:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    return (
        select(
            func.count().label("everywhere"),
            counted(intents.c.provider == provider).label("here"),
            counted(orders.c.user_id == user_id).label("by_user"),
        )
        .join_from(intents, orders, orders.c.id == intents.c.order_id)
        .where(
            intents.c.sent_at > func.now() - literal_column("interval '1 hour'"),
            intents.c.state != PurchaseState.REFUSED,
            intents.c.resolution.is_distinct_from(Resolution.ABSENT),
        )
    )
