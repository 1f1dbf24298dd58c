"""Everything that one run has measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.bench.growth import QueryFigures
from tests.bench.parked import ParkedWorker
from tests.bench.reservation import Reservations
from tests.bench.status import StatusRounds
from tests.bench.throughput import Rounds


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures by part; None for one that was left out."""

    rounds: Rounds | None
    latencies: StatusRounds | None
    parked: ParkedWorker | None
    peaks_mb: Mapping[str, float]
    reservations: Reservations | None = None
    queries: Sequence[QueryFigures] | None = None
