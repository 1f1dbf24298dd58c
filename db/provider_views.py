"""What ops see of providers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db import provider_controls
from db.spend_guard import LAST_DAY, LAST_HOUR, SPENT
from db.tables import provider_gates as gates
from db.tables import provider_intents as intents
from domain.gate import BreakerState, Gate, Health, breaker, health, next_step
from domain.purchase import OPEN, PurchaseState


@dataclass(frozen=True, slots=True)
class ProviderView:
    """One provider as ops see it. Figures count the whole fleet.

    Attributes:
        offered: whether the worker that started last can buy from it.
        probe_at: while the breaker is open, when the next call may leave.
        purchases_last_hour, purchases_last_day: what the spend guard counts.
        open_purchases: how many are in each state that is not final.
    """

    name: str
    offered: bool
    health: Health
    paused: bool
    paused_by: str | None
    paused_reason: str | None
    paused_at: datetime | None
    blocked_until: datetime | None
    breaker: BreakerState
    failures: int
    opened_at: datetime | None
    probe_at: datetime | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_failure_code: str | None
    balance: Decimal | None
    balance_currency: str | None
    balance_at: datetime | None
    purchases_last_hour: int
    purchases_last_day: int
    open_purchases: Mapping[PurchaseState, int]

    @property
    def next_step(self) -> str:
        """Say what a person can do about its condition."""
        return next_step(self.health, self.name)


async def overview(connection: AsyncConnection, known: Iterable[str] = ()) -> list[ProviderView]:
    """Show every known provider, by name."""
    there = sorted({*known, *await provider_controls.names(connection)})
    rows = {row.provider: row for row in await connection.execute(select(gates))}
    now: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    bought, open_ = await _bought(connection), await _open(connection)
    return [
        _view(name, rows.get(name), now, bought.get(name, (0, 0)), open_.get(name, {}))
        for name in there
    ]


async def one(connection: AsyncConnection, provider: str) -> ProviderView:
    """Show one provider, known to the database or not."""
    views = await overview(connection, [provider])
    return next(view for view in views if view.name == provider)


async def _bought(connection: AsyncConnection) -> dict[str, tuple[int, int]]:
    """Count the purchases of the last hour and of the last day, by provider."""
    rows = await connection.execute(
        select(intents.c.provider, func.count().filter(LAST_HOUR), func.count())
        .where(LAST_DAY, SPENT)
        .group_by(intents.c.provider)
    )
    return {provider: (hourly, daily) for provider, hourly, daily in rows}


async def _open(connection: AsyncConnection) -> dict[str, dict[PurchaseState, int]]:
    rows = await connection.execute(
        select(intents.c.provider, intents.c.state, func.count())
        .where(intents.c.state.in_(OPEN))
        .group_by(intents.c.provider, intents.c.state)
    )
    counted: dict[str, dict[PurchaseState, int]] = {}
    for provider, state, number in rows:
        counted.setdefault(provider, {})[state] = number
    return counted


_GATE_ONLY = (
    "paused_by",
    "paused_reason",
    "paused_at",
    "last_success_at",
    "last_failure_at",
    "last_failure_code",
    "balance",
    "balance_currency",
    "balance_at",
)


def _view(
    name: str,
    row: Row[Any] | None,
    now: datetime,
    bought: tuple[int, int],
    open_: Mapping[PurchaseState, int],
) -> ProviderView:
    gate = Gate(
        **{field: getattr(row, field) for field in Gate.__dataclass_fields__} if row else {}
    )
    told = {field: getattr(row, field, None) for field in _GATE_ONLY}
    return ProviderView(
        name=name,
        offered=row is not None and row.offered,
        health=health(gate, now, told["last_success_at"], told["last_failure_at"]),
        paused=gate.paused,
        blocked_until=gate.blocked_until,
        breaker=breaker(gate, now),
        failures=gate.failures,
        opened_at=gate.opened_at,
        probe_at=gate.probe_at if gate.opened_at else None,
        purchases_last_hour=bought[0],
        purchases_last_day=bought[1],
        open_purchases=open_,
        **told,
    )
