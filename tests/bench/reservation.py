"""What a reservation costs Postgres: by the depth of the shelf, and with many at one plan.

Measured is the statement that an activation begins with: locks, changes and audit events together.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from statistics import median

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import good_path
from db.engine import committing_each
from domain.event import Origin
from tests.bench.costs import cpu_ms_of

FRESH, DRAINED = "fresh", "drained"
ALONE, CROWD = 1, 64
"""Connections at the hot plan."""

_ORIGIN = Origin("worker", "activate-esim-1", "00000000-0000-0000-0000-000000000000", 1)

_DRAIN = text("""
    WITH front AS (
        SELECT id, row_number() OVER (ORDER BY stock_seq) AS place FROM esim_inventory
        WHERE status = 'AVAILABLE' ORDER BY stock_seq LIMIT :count
    )
    UPDATE esim_inventory item
    SET status = 'RESERVED', order_id = :first + place, reserved_at = now(), updated_at = now()
    FROM front WHERE item.id = front.id
""")


@dataclass(frozen=True, slots=True)
class Reservations:
    """Postgres CPU milliseconds of one reservation, round by round.

    Attributes:
        depths: by condition of the shelf, then by how many AVAILABLE items it had at first.
        drained: how many items were taken off each shelf, without a vacuum, before DRAINED.
        hot: by the number of connections.
        worn: how many items the deepest shelf has lost in all since its last vacuum, at last.
        worn_cpu_ms: there, at one connection.
    """

    depths: Mapping[str, Mapping[int, Sequence[float]]]
    drained: int
    hot: Mapping[int, Sequence[float]]
    worn: int
    worn_cpu_ms: Sequence[float]

    def ratios(self, condition: str, depth: int) -> list[float]:
        """Over the shallowest shelf, round by round."""
        rounds = self.depths[condition]
        return _over(rounds[depth], rounds[min(rounds)])

    def crowd_ratios(self) -> list[float]:
        """Of many connections over one."""
        return _over(self.hot[CROWD], self.hot[ALONE])

    def worn_ratio(self) -> float:
        """Of the worn shelf over the same one when it was fresh."""
        return median(self.worn_cpu_ms) / median(self.depths[FRESH][self.depth()])

    def depth(self) -> int:
        """The deepest shelf."""
        return max(self.depths[FRESH])


class Shelf:
    """A database with one plan's items on the shelf, and orders that none was taken for yet."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = committing_each(engine)
        self._orders = count(1)
        self.taken = 0
        """How many items are off the shelf."""

    async def reserve(self, number: int, connections: int = ALONE) -> float:
        """Take so many items, each in its own transaction; CPU milliseconds of each."""
        async with AsyncExitStack() as open_:
            opened = [
                await open_.enter_async_context(self._engine.connect()) for _ in range(connections)
            ]
            pids = [await _pid(connection) for connection in opened]
            orders = iter(self._next(number))
            before = cpu_ms_of(pids)
            async with asyncio.TaskGroup() as group:
                for connection in opened:
                    group.create_task(_take_each(connection, orders))
            return (cpu_ms_of(pids) - before) / number

    async def drain(self, number: int) -> None:
        """Take the items in front, as so many reservations would; nothing is vacuumed."""
        first = self._next(number)[0]
        async with self._engine.connect() as connection:
            await connection.execute(_DRAIN, {"count": number, "first": first - 1})

    def _next(self, number: int) -> Sequence[int]:
        self.taken += number
        return [next(self._orders) for _ in range(number)]


async def compare(
    shelves: Mapping[int, Shelf],
    *,
    rounds: int,
    number: int,
    crowd: int,
    drained: int,
    worn: int,
    say: Callable[[str], None],
) -> Reservations:
    """Every shelf in turn, fresh and drained; then one plan with one and with many customers."""
    depths = {FRESH: await _rounds(shelves, FRESH, rounds, number, say)}
    for shelf in shelves.values():
        await shelf.drain(drained)
    depths[DRAINED] = await _rounds(shelves, DRAINED, rounds, number, say)
    hot: dict[int, list[float]] = {ALONE: [], CROWD: []}
    deepest = shelves[max(shelves)]
    for turn in range(-1, rounds):  # the first one warms up
        for connections in (ALONE, CROWD):
            cpu_ms = await deepest.reserve(crowd, connections)
            if turn >= 0:
                hot[connections].append(cpu_ms)
                say(f"round {turn + 1}/{rounds}  {connections:>2} connections {cpu_ms:.3f} ms")
    await deepest.drain(worn - deepest.taken)
    worn_cpu_ms = [await deepest.reserve(number) for _ in range(rounds)]
    return Reservations(depths, drained, hot, worn, worn_cpu_ms)


async def _rounds(
    shelves: Mapping[int, Shelf],
    condition: str,
    rounds: int,
    number: int,
    say: Callable[[str], None],
) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {depth: [] for depth in shelves}
    for turn in range(-1, rounds):  # the first one warms up
        for depth, shelf in shelves.items():
            cpu_ms = await shelf.reserve(number)
            if turn >= 0:
                found[depth].append(cpu_ms)
                say(f"round {turn + 1}/{rounds}  {depth:>9,} {condition:<8} {cpu_ms:.3f} ms")
    return found


async def _take_each(connection: AsyncConnection, orders: Iterator[int]) -> None:
    for order_id in orders:
        if await good_path.reserve(connection, order_id, _ORIGIN) is None:
            raise RuntimeError("nothing was reserved")


async def _pid(connection: AsyncConnection) -> int:
    pid: int = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    await connection.rollback()
    return pid


def _over(rounds: Sequence[float], base: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(rounds, base, strict=True)]
