"""What is measured, and how much of it."""

from dataclasses import dataclass

PARTS = ("stock", "http", "status", "parked")


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of one run and their sizes.

    Attributes:
        activations, requests: of one contender in one round.
        in_flight: how many are waited for at a time.
    """

    parts: frozenset[str]
    rounds: int
    activations: int
    in_flight: int
    requests: int
    parked: int

    @property
    def stock(self) -> int:
        """Items enough for three contenders in all rounds and a warm-up."""
        return 3 * (self.rounds + 1) * (self.activations + self.in_flight)


def full(parts: frozenset[str]) -> Plan:
    """Figures worth keeping; a few minutes."""
    return Plan(parts, rounds=5, activations=100, in_flight=16, requests=300, parked=500)


def quick(parts: frozenset[str]) -> Plan:
    """Only shows that everything runs."""
    return Plan(parts, rounds=1, activations=8, in_flight=4, requests=20, parked=10)
