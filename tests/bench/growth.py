"""What grows with the tables: how long each query takes once a million orders are there."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, quantiles

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tests.bench.costs import cpu_ms_of
from tests.bench.queries import QUERIES, Place, Query, select_one

_WARM_UP = 10
"""After so many repetitions the driver has prepared a statement, and Postgres chosen its plan."""
_SAID_EVERY = 10


@dataclass(frozen=True, slots=True)
class QueryFigures:
    """One query: the time until its answer is read, and what Postgres used for it.

    Attributes:
        base_p95_ms: of `SELECT 1`, asked in turn with it.
        cpu_ms: of the connection's backend, on average.
    """

    name: str
    p95_ms: float
    base_p95_ms: float
    cpu_ms: float


async def ask_all(
    engine: AsyncEngine, orders: int, *, repetitions: int, say: Callable[[str], None]
) -> list[QueryFigures]:
    """Ask every query so many times, one after the other on one connection; change nothing."""
    found: list[QueryFigures] = []
    async with engine.connect() as connection:
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        await connection.rollback()
        for number, query in enumerate(QUERIES, 1):
            found.append(await _ask(connection, pid, query, orders, repetitions))
            if number % _SAID_EVERY == 0:
                say(f"{number} of {len(QUERIES)} queries asked")
    return found


async def _ask(
    connection: AsyncConnection, pid: int, query: Query, orders: int, repetitions: int
) -> QueryFigures:
    base: list[float] = []
    asked: list[float] = []
    cpu_ms: list[float] = []
    for number in range(1, _WARM_UP + repetitions + 1):
        place = Place(orders, number)
        await select_one(connection, place)  # begins the transaction
        base.append(await _timed(connection, Query("", select_one), place))
        before = cpu_ms_of([pid])
        asked.append(await _timed(connection, query, place))
        cpu_ms.append(cpu_ms_of([pid]) - before)
        await connection.rollback()
    return QueryFigures(
        query.name, _p95(asked[_WARM_UP:]), _p95(base[_WARM_UP:]), mean(cpu_ms[_WARM_UP:])
    )


async def _timed(connection: AsyncConnection, query: Query, place: Place) -> float:
    started = time.perf_counter()
    await query.ask(connection, place)
    return 1000 * (time.perf_counter() - started)


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1]
