"""How the figures stand to what we want of them: said, never asserted."""

from collections.abc import Iterator, Sequence
from statistics import median

from tests.bench import contenders
from tests.bench.figures import Figures
from tests.bench.growth import QueryFigures
from tests.bench.parked import ParkedWorker
from tests.bench.reservation import CROWD, DRAINED, FRESH, Reservations
from tests.bench.throughput import Rounds

RATE, CPU = 0.70, 0.65
STATUS = 2.0
PARKED, PARKED_MB = 500, 170
MANY_PARKED = 5_000
DEPTH, CROWDED = 1.2, 2.0
P95_MS = 20


def said_of(figures: Figures) -> list[str]:
    """A line for each aim, whether it was met first."""
    lines: list[str] = []
    if figures.rounds:
        lines += _of_rates(figures.rounds)
    if figures.latencies:
        ratio = median(figures.latencies.ratios())
        said = f"Asking where an activation stands took {ratio:.2f} of `/healthz`"
        lines.append(_line(ratio <= STATUS, said, f"within {STATUS}"))
    if figures.parked:
        lines += _of_memory(figures.parked)
    if figures.reservations:
        lines += _of_reservations(figures.reservations)
    if figures.queries:
        lines.append(_of_queries(figures.queries))
    return lines


def _line(met: bool, said: str, aim: str) -> str:
    return f"{'Met' if met else 'Missed'}: {said} (aim: {aim})."


def _of_rates(rounds: Rounds) -> Iterator[str]:
    if contenders.STOCK in rounds.blocks:
        pair = (contenders.STOCK, contenders.NO_OP)
        rate, cpu = median(rounds.rate_ratios(*pair)), median(rounds.cpu_ratios(*pair))
        yield _line(rate >= RATE, f"Stock hits ran at {rate:.2f} of the no-op rate", f"{RATE:.2f}")
        yield _line(cpu >= CPU, f"By CPU that is {cpu:.2f}", f"{CPU:.2f}")
    if contenders.HTTP in rounds.blocks:
        rate = median(rounds.rate_ratios(contenders.HTTP, contenders.NO_OP_HTTP))
        said = f"By HTTP stock hits ran at {rate:.2f} of a POST that starts a no-op"
        yield _line(rate >= RATE, said, f"{RATE:.2f}")


def _of_memory(parked: ParkedWorker) -> Iterator[str]:
    for sample in parked.samples:
        if sample.parked == PARKED:
            said = f"A worker with {PARKED} parked activations held {sample.peak_mb:.0f} MB at most"
            yield _line(sample.peak_mb < PARKED_MB, said, f"under {PARKED_MB} MB")
    last = parked.samples[-1].parked
    yield (
        f"From {parked.samples[0].parked} to {last} each further one took {parked.each_kb:.1f} KB:"
        f" {parked.expected_mb(MANY_PARKED):.0f} MB with {MANY_PARKED:,}, were that to go on."
    )


def _of_reservations(found: Reservations) -> Iterator[str]:
    for condition in (FRESH, DRAINED):
        ratio = median(found.ratios(condition, found.depth()))
        said = f"A reservation from a {condition} shelf of {found.depth():,} cost {ratio:.2f}"
        yield _line(ratio <= DEPTH, f"{said} of the smallest", f"within {DEPTH}")
    ratio = median(found.crowd_ratios())
    said = f"At one hot plan, {CROWD} connections cost {ratio:.2f} of one for each reservation"
    yield _line(ratio <= CROWDED, said, f"within {CROWDED}")
    yield (
        f"With {found.worn:,} items taken since the last vacuum a reservation cost"
        f" {found.worn_ratio():.2f} of a fresh one."
    )


def _of_queries(queries: Sequence[QueryFigures]) -> str:
    slow = [f"{one.name} ({one.p95_ms:.0f} ms)" for one in queries if one.p95_ms >= P95_MS]
    said = f"{len(queries) - len(slow)} of {len(queries)} queries answered within {P95_MS} ms (p95)"
    return _line(not slow, f"{said}{'; not ' + ', '.join(slow) if slow else ''}", "all")
