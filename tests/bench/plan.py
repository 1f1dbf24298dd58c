"""What is measured, and how much of it."""

from dataclasses import dataclass

PARTS = ("stock", "http", "status", "parked", "reservation", "growth")


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of one run and their sizes.

    Attributes:
        activations, requests: of one contender in one round.
        in_flight: how many are waited for at a time.
        parked: memory is read whenever so many activations wait.
        depths: how many AVAILABLE items are on each shelf.
        reservations: of one shelf in one round.
        crowd: reservations of one plan in one round, from one connection and from many.
        drained: items taken off each shelf before it counts as drained.
        worn: items taken off the deepest one since its last vacuum, at last.
        orders: how many are loaded before every query is asked.
        repetitions: of each query.
    """

    parts: frozenset[str]
    rounds: int
    activations: int
    in_flight: int
    requests: int
    parked: tuple[int, ...]
    depths: tuple[int, ...]
    reservations: int
    crowd: int
    drained: int
    worn: int
    orders: int
    repetitions: int

    @property
    def stock(self) -> int:
        """Items enough for three contenders in all rounds and a warm-up."""
        return 3 * (self.rounds + 1) * (self.activations + self.in_flight)


def full(parts: frozenset[str]) -> Plan:
    """Figures worth keeping; a quarter of an hour."""
    return Plan(
        parts,
        rounds=5,
        activations=100,
        in_flight=16,
        requests=300,
        parked=(500, 1000, 2000),
        depths=(10_000, 1_000_000, 5_000_000),
        reservations=200,
        crowd=1_280,
        drained=5_000,
        worn=25_000,
        orders=1_000_000,
        repetitions=100,
    )


def quick(parts: frozenset[str]) -> Plan:
    """Only shows that everything runs."""
    return Plan(
        parts,
        rounds=1,
        activations=8,
        in_flight=4,
        requests=20,
        parked=(5, 10),
        depths=(1_000, 5_000),
        reservations=50,
        crowd=128,
        drained=200,
        worn=1_500,
        orders=5_000,
        repetitions=3,
    )
