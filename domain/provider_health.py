"""How a provider is doing, from what its gate knows."""

from datetime import datetime
from enum import StrEnum

from domain.provider_gate import Gate


class BreakerState(StrEnum):
    """Whether failures in a row keep calls away."""

    CLOSED = "closed"
    OPEN = "open"
    """Nobody calls until the next probe is due."""
    PROBING = "probing"
    """The next call that wants to leave is the probe."""


class Health(StrEnum):
    """A provider's condition in one word; the first that applies."""

    PAUSED = "paused"
    """By a person."""
    BLOCKED = "blocked"
    """It asked to be left alone for a while (`Retry-After`)."""
    COOLING_DOWN = "cooling_down"
    """It failed several times in a row, and is only probed now and then."""
    FAILING = "failing"
    """The last calls failed; not yet often enough."""
    OK = "ok"
    UNKNOWN = "unknown"
    """It was not called yet, or not since its last failure was forgiven."""


def breaker(gate: Gate, now: datetime) -> BreakerState:
    """Whether calls may leave."""
    if gate.opened_at is None:
        return BreakerState.CLOSED
    waits = gate.probe_at is not None and now < gate.probe_at
    return BreakerState.OPEN if waits else BreakerState.PROBING


def health(
    gate: Gate, now: datetime, last_success_at: datetime | None, last_failure_at: datetime | None
) -> Health:
    """A provider's condition."""
    blocked = gate.blocked_until is not None and now < gate.blocked_until
    answers = last_success_at is not None and (
        last_failure_at is None or last_failure_at <= last_success_at
    )
    conditions = (
        (gate.paused, Health.PAUSED),
        (blocked, Health.BLOCKED),
        (gate.opened_at is not None, Health.COOLING_DOWN),
        (gate.failures > 0, Health.FAILING),
        (answers, Health.OK),
    )
    return next((word for holds, word in conditions if holds), Health.UNKNOWN)
