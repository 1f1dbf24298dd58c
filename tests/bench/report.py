"""The figures as tables: for the terminal, for docs/benchmarks.md, and as JSON."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tests.bench import contenders, status
from tests.bench.costs import CLIENT
from tests.bench.parked import ParkedWorker
from tests.bench.plan import Plan
from tests.bench.status import StatusRounds
from tests.bench.throughput import Rounds

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
RATIO_AIM = 0.6
PARKED_AIM_MB = 200

_CPU_COLUMNS = ("worker", "temporal", "postgres", contenders.API, CLIENT, "sum")


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that was measured; None for a part that was left out."""

    rounds: Rounds | None
    latencies: StatusRounds | None
    parked: ParkedWorker | None
    peaks_mb: Mapping[str, float]


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
    return [*found, _memory(figures.peaks_mb)]


def aims(figures: Figures) -> list[str]:
    """How the figures stand to what we want of them: said, never asserted."""
    said = []
    if figures.rounds and contenders.STOCK in figures.rounds.blocks:
        pair = (contenders.STOCK, contenders.NO_OP)
        rate = median(figures.rounds.rate_ratios(*pair))
        cpu = median(figures.rounds.cpu_ratios(*pair))
        said.append(
            f"Stock hits ran at {rate:.2f} of the no-op rate, {cpu:.2f} by CPU"
            f" (aim: {RATIO_AIM} or more)."
        )
    if figures.parked:
        held = f"{figures.parked.peak_mb:.0f} MB at most (aim: under {PARKED_AIM_MB})"
        said.append(f"A worker with {figures.parked.parked} parked activations held {held}.")
    return said


def as_json(plan: Plan, figures: Figures) -> dict[str, object]:
    """Every block and every round, for a program to compare."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "plan": {**asdict(plan), "parts": sorted(plan.parts)},
        **asdict(figures),
        "tables": [asdict(table) for table in tables(figures)],
        "aims": aims(figures),
    }


def write_docs(document: Path, plan: Plan, figures: Figures) -> None:
    """Replace what stands between the markers."""
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    preface = (
        f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}: medians of {plan.rounds} rounds of"
        f" {plan.activations} activations, {plan.in_flight} in flight."
    )
    verdicts = "\n".join(f"- {line}" for line in aims(figures))
    sections = [preface, verdicts, *(table.markdown() for table in tables(figures))]
    text = "\n\n".join(sections)
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def _throughput(rounds: Rounds) -> Table:
    rows = []
    for name in rounds.blocks:
        ratios = (rounds.rate_ratios, rounds.cpu_ratios)
        of_no_op = (_spread(one(name, contenders.NO_OP)) for one in ratios)
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
    each_kb = 1000 * (figures.resident_mb - figures.idle_mb) / figures.parked
    memory = (figures.idle_mb, figures.resident_mb, figures.peak_mb)
    row = [f"{figures.parked} parked", *(f"{one:.0f}" for one in memory), f"{each_kb:.0f}"]
    columns = ["", "idle MB", "parked MB", "peak MB", "KB each"]
    return Table("Memory of a worker whose activations wait for a person", columns, [row])


def _memory(peaks_mb: Mapping[str, float]) -> Table:
    rows = [[name, f"{peak:.0f}"] for name, peak in sorted(peaks_mb.items())]
    return Table("Peak memory of every process", ["", "MB"], rows)


def _spread(ratios: Sequence[float]) -> str:
    middle, low, high = (f"{one:.2f}" for one in (median(ratios), min(ratios), max(ratios)))
    return middle if low == high else f"{middle} ({low}-{high})"


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"
