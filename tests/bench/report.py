"""The figures as tables: for the terminal, for docs/benchmarks.md, and as JSON."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tests.bench import aims, contenders, status
from tests.bench.costs import CLIENT
from tests.bench.figures import Figures
from tests.bench.growth import QueryFigures
from tests.bench.parked import ParkedWorker
from tests.bench.plan import Plan
from tests.bench.reservation import ALONE, Reservations
from tests.bench.status import StatusRounds
from tests.bench.throughput import Rounds

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"

_CPU_COLUMNS = ("worker", "temporal", "postgres", contenders.API, CLIENT, "sum")


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the names of the columns, and rows of text that begin with their own name."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """As a section of a document."""
        lines = [self.columns, ["---", *("--:" for _ in self.columns[1:])], *self.rows]
        return "\n".join([f"### {self.title}", "", *(f"| {' | '.join(line)} |" for line in lines)])


def tables(figures: Figures) -> list[Table]:
    """One table for each part that was measured, and one of memory."""
    found = []
    if figures.rounds:
        found += [_throughput(figures.rounds), _cpu(figures.rounds)]
    if figures.latencies:
        found.append(_latency(figures.latencies))
    if figures.parked:
        found.append(_parked(figures.parked))
    if figures.reservations:
        found.append(_reservations(figures.reservations))
    if figures.queries:
        found.append(_queries(figures.queries))
    return [*found, _memory(figures.peaks_mb)]


def as_json(plan: Plan, figures: Figures) -> dict[str, object]:
    """Every block and every round, for a program to compare."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "plan": {**asdict(plan), "parts": sorted(plan.parts)},
        **asdict(figures),
        "tables": [asdict(table) for table in tables(figures)],
        "aims": aims.said_of(figures),
    }


def write_docs(document: Path, plan: Plan, figures: Figures) -> None:
    """Replace what stands between the markers."""
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    preface = (
        f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}: medians of {plan.rounds} rounds of"
        f" {plan.activations} activations, {plan.in_flight} in flight; {plan.orders:,} orders."
    )
    verdicts = "\n".join(f"- {line}" for line in aims.said_of(figures))
    sections = [preface, verdicts, *(table.markdown() for table in tables(figures))]
    text = "\n\n".join(sections)
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def _throughput(rounds: Rounds) -> Table:
    rows = []
    for name in rounds.blocks:
        ratios = (rounds.rate_ratios, rounds.cpu_ratios)
        base = contenders.BASES.get(name, name)
        of_no_op = (_spread(one(name, base)) for one in ratios)
        rows.append([name, f"{rounds.rate(name):.1f}", *of_no_op, f"{rounds.latency_ms(name):.0f}"])
    columns = ["", "per second", "rate / no-op's", "no-op's CPU / CPU", "p50 ms"]
    return Table("Throughput", columns, rows)


def _cpu(rounds: Rounds) -> Table:
    rows = []
    for name, (worker, *others) in rounds.processes.items():
        cells = {
            "worker": (worker,),
            **{other: (other,) for other in others},
            "sum": (worker, *others),
        }
        figures = {column: f"{rounds.cpu_ms(name, of):.1f}" for column, of in cells.items()}
        rows.append([name, *(figures.get(column, "-") for column in _CPU_COLUMNS)])
    return Table("CPU milliseconds per activation", ["", *_CPU_COLUMNS], rows)


def _latency(rounds: StatusRounds) -> Table:
    rows = []
    for name in rounds.rounds:
        ratios = rounds.ratios() if name == status.STATUS else [1.0]
        figures = (rounds.middle(name, one) for one in ("p50_ms", "api_cpu_ms", "postgres_cpu_ms"))
        rows.append([f"`{name}`", _spread(ratios), *(f"{one:.2f}" for one in figures)])
    columns = ["", "p50 / no-op's", "p50 ms", "API CPU ms", "Postgres CPU ms"]
    return Table("Reading where an activation stands, one request at a time", columns, rows)


def _parked(figures: ParkedWorker) -> Table:
    idle = ["idle", f"{figures.idle_mb:.0f}", "-", "-"]
    rows = [
        [
            f"{one.parked:,} parked",
            f"{one.resident_mb:.0f}",
            f"{one.peak_mb:.0f}",
            f"{1000 * (one.resident_mb - figures.idle_mb) / one.parked:.0f}",
        ]
        for one in figures.samples
    ]
    columns = ["", "resident MB", "peak MB", "KB each, idle left out"]
    return Table("Memory of a worker whose activations wait for a person", columns, [idle, *rows])


def _reservations(found: Reservations) -> Table:
    rows = [
        [
            f"{depth:,} items, {condition}",
            _spread(found.ratios(condition, depth)),
            f"{median(rounds):.3f}",
        ]
        for condition, depths in found.depths.items()
        for depth, rounds in depths.items()
    ]
    for connections, rounds in found.hot.items():
        ratio = "1.00" if connections == ALONE else _spread(found.crowd_ratios())
        rows.append([f"one plan, connections: {connections}", ratio, f"{median(rounds):.3f}"])
    worn = f"{found.depth():,} items, {found.worn:,} taken since the last vacuum"
    rows.append([worn, f"{found.worn_ratio():.2f}", f"{median(found.worn_cpu_ms):.3f}"])
    return Table("Postgres CPU of one reservation", ["", "ratio", "CPU ms"], rows)


def _queries(queries: Sequence[QueryFigures]) -> Table:
    rows = [
        [
            f"`{one.name}`",
            f"{one.p95_ms:.1f}",
            f"{one.p95_ms / one.base_p95_ms:.1f}",
            f"{one.cpu_ms:.2f}",
        ]
        for one in queries
    ]
    columns = ["", "p95 ms", "p95 / `SELECT 1`'s", "Postgres CPU ms"]
    return Table("Every query, with all orders loaded", columns, rows)


def _memory(peaks_mb: Mapping[str, float]) -> Table:
    rows = [[name, f"{peak:.0f}"] for name, peak in sorted(peaks_mb.items())]
    return Table("Peak memory of every process", ["", "MB"], rows)


def _spread(ratios: Sequence[float]) -> str:
    middle, low, high = (f"{one:.2f}" for one in (median(ratios), min(ratios), max(ratios)))
    return middle if low == high else f"{middle} ({low}-{high})"


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"
