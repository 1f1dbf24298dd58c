"""The gate in front of each provider, as one row for the whole fleet.

Every function takes the row's lock, so that two workers never count the same permit. Lock order:
an order's profile first, then a gate.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.columns import GateColumns
from db.rows import changed_one, claimed
from db.spend_guard import Spending, spend
from db.tables import provider_gates as gates
from domain.errors import CredentialsRefused, ProviderError
from domain.gate import (
    Change,
    Gate,
    Hold,
    HoldReason,
    ProviderLimits,
    after_failure,
    after_refused_credentials,
    after_success,
    pass_through,
)
from domain.provider import Balance

_COLUMNS = tuple(gates.c[name] for name in Gate.__dataclass_fields__)
_BALANCE_INTERVAL_SECONDS = 600

# A test may bring a clock of its own; otherwise the database's is the only one.
_NOW = func.coalesce(bindparam("now", type_=gates.c.paused_at.type), func.clock_timestamp())
_ADD = insert(gates).on_conflict_do_nothing()
_LOCK: Select[Any] = (
    select(_NOW.label("now"), *_COLUMNS)
    .where(gates.c.provider == bindparam("name"))
    .with_for_update()
)


async def peek(
    connection: AsyncConnection, provider: str, limits: ProviderLimits, *, now: datetime | None
) -> Hold | None:
    """Say why a call would be held now, rate limit left aside. Takes no permit."""
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
    """Take the permit for one call; return why not if there is none. Commit before calling.

    Not idempotent: every permit counts against the rate.

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
    await _write(connection, provider, _columns(answer))
    return None


async def report(
    connection: AsyncConnection,
    provider: str,
    limits: ProviderLimits,
    error: ProviderError | None,
    *,
    now: datetime | None,
) -> Change | None:
    """Say how a call ended; returns what that has changed for everybody, if anything.

    Not idempotent: every failure counts. Arguments as `enter`; `error` is None for an answer.
    """
    gate, moment = await _lock(connection, provider, now)
    if error is None or error.answered or not error.is_outage:
        answered = _columns(after_success(gate))
        await _write(connection, provider, {**answered, "last_success_at": moment})
        return Change.CREDENTIALS_ACCEPTED if gate.credentials_refused else None
    refused = isinstance(error, CredentialsRefused)
    failed = (
        after_refused_credentials(gate, limits, moment)
        if refused
        else after_failure(gate, limits, moment, error.retry_after_seconds)
    )
    await _write(
        connection,
        provider,
        {**_columns(failed), "last_failure_at": moment, "last_failure_code": error.code},
    )
    if refused:
        return Change.CREDENTIALS_REFUSED
    return Change.OPENED if gate.opened_at is None and failed.opened_at is not None else None


async def claim_balance(connection: AsyncConnection, provider: str) -> bool:
    """Take the turn to ask for a balance; False if it is not time or another process has it.

    One process of the fleet gets it in ten minutes.
    """
    await connection.execute(_ADD, {"provider": provider})
    since = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, _BALANCE_INTERVAL_SECONDS)
    turn = (
        update(gates)
        .where(
            gates.c.provider == provider,
            func.coalesce(gates.c.balance_at, func.to_timestamp(0)) <= since,
        )
        .values(GateColumns(balance_at=func.now()))
    )
    return await claimed(connection, turn)


async def note_balance(connection: AsyncConnection, provider: str, balance: Balance) -> None:
    """Keep what a provider says is left.

    Raises:
        StaleWrite: the provider has no row.
    """
    await _write(
        connection,
        provider,
        GateColumns(
            balance=balance.amount, balance_currency=balance.currency, balance_at=func.now()
        ),
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


async def _write(connection: AsyncConnection, provider: str, columns: GateColumns) -> None:
    written = update(gates).where(gates.c.provider == provider).values(columns)
    await changed_one(connection, written, f"The gate of {provider} is gone.")


def _columns(gate: Gate) -> GateColumns:
    return GateColumns(
        paused=gate.paused,
        blocked_until=gate.blocked_until,
        next_call_at=gate.next_call_at,
        failures=gate.failures,
        opened_at=gate.opened_at,
        probe_at=gate.probe_at,
        credentials_refused=gate.credentials_refused,
    )
