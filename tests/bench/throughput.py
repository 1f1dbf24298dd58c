"""How many activations per second, and what each costs: contenders in turn, round after round."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.costs import Meter, Snapshot, used_between

# What a server still does for the last activations (closing, indexing) counts as theirs.
_SETTLE_SECONDS = 0.3
_PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Contender:
    """One way of doing one order, where its orders come from, and whose CPU counts."""

    name: str
    processes: Sequence[str]
    one: Callable[[int], Awaitable[None]]
    orders: Callable[[int], Awaitable[Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Block:
    """A number of orders done at one go by one contender."""

    count: int
    seconds: float
    latencies: Sequence[float]
    cpu_seconds: Snapshot

    @property
    def rate(self) -> float:
        """Orders per second."""
        return self.count / self.seconds

    def cpu_ms(self, processes: Iterable[str]) -> float:
        """CPU milliseconds of these processes per order."""
        return 1000 * sum(self.cpu_seconds.get(one, 0) for one in processes) / self.count


@dataclass(frozen=True, slots=True)
class Rounds:
    """Every contender's blocks; those with the same index ran within the same seconds.

    Attributes:
        processes: which ones work for each contender, by the stack's names.
    """

    blocks: Mapping[str, Sequence[Block]]
    processes: Mapping[str, Sequence[str]]

    def rate(self, name: str) -> float:
        """Median orders per second."""
        return median(block.rate for block in self.blocks[name])

    def rate_ratios(self, name: str, base: str) -> list[float]:
        """Rate over the base's rate, round by round."""
        return [one.rate / other.rate for one, other in self._pairs(name, base)]

    def cpu_ratios(self, name: str, base: str) -> list[float]:
        """CPU of the base over its own, round by round: what the rate's ratio is at full load."""
        mine, others = self.processes[name], self.processes[base]
        pairs = self._pairs(name, base)
        return [other.cpu_ms(others) / one.cpu_ms(mine) for one, other in pairs]

    def latency_ms(self, name: str) -> float:
        """Median over all blocks, in milliseconds."""
        return 1000 * median(one for block in self.blocks[name] for one in block.latencies)

    def cpu_ms(self, name: str, processes: Iterable[str]) -> float:
        """Median CPU milliseconds of these processes per order."""
        processes = tuple(processes)
        return median(block.cpu_ms(processes) for block in self.blocks[name])

    def _pairs(self, name: str, base: str) -> Iterator[tuple[Block, Block]]:
        return zip(self.blocks[name], self.blocks[base], strict=True)


async def race(
    contenders: Sequence[Contender],
    meter: Meter,
    *,
    rounds: int,
    count: int,
    in_flight: int,
    say: Callable[[str], None],
) -> Rounds:
    """Warm everyone up, then let them run in turn, in the opposite order every other round."""
    say("warming up")
    for contender in contenders:
        await _block(contender, meter, max(in_flight, count // 4), in_flight)
    blocks: dict[str, list[Block]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            block = await _block(contender, meter, count, in_flight)
            blocks[contender.name].append(block)
            say(f"round {number + 1}/{rounds}  {contender.name:<22} {block.rate:6.1f}/s")
    return Rounds(blocks, {contender.name: contender.processes for contender in contenders})


async def _block(contender: Contender, meter: Meter, count: int, in_flight: int) -> Block:
    orders = await contender.orders(count)
    before, started = meter.cpu_seconds(), time.perf_counter()
    async with asyncio.timeout(_PATIENCE_SECONDS):  # a step that fails is repeated for ever
        latencies = await for_each(orders, contender.one, in_flight)
    seconds = time.perf_counter() - started
    await asyncio.sleep(_SETTLE_SECONDS)
    used = used_between(before, meter.cpu_seconds())
    meter.note_memory()
    return Block(count, seconds, latencies, used)


async def for_each(
    orders: Sequence[int], one: Callable[[int], Awaitable[None]], in_flight: int
) -> list[float]:
    """Do every order, so many at a time; gives the seconds that each took."""
    waiting = iter(orders)
    latencies: list[float] = []
    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(_work_off(waiting, one, latencies))
    return latencies


async def _work_off(
    waiting: Iterator[int], one: Callable[[int], Awaitable[None]], latencies: list[float]
) -> None:
    for order_id in waiting:
        started = time.perf_counter()
        await one(order_id)
        latencies.append(time.perf_counter() - started)
