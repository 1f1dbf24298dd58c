"""The gate in front of a provider: who may call it now, and what a call's end changes.

One gate for the whole fleet. It holds calls back while the provider is paused by ops, while a
`Retry-After` runs, while the breaker is open (but for one probe now and then), and beyond the
rate limit. Several failures in a row open the breaker; credentials that are refused, which are
refused to every order, open it at once. Pure: the row behind it is `db/gates.py`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

PAUSED_RECHECK_SECONDS = 60.0
"""When somebody who found the provider paused may look again; nobody knows when it ends."""


@dataclass(frozen=True, slots=True)
class ProviderLimits:
    """What one provider bears, by the whole fleet together except for `max_concurrent`.

    Attributes:
        rate_per_second: calls of any kind; None where calling costs nobody anything.
        max_concurrent: calls at once from one worker process.
        purchases_per_hour: the provider's share of the spend guard; None if nothing is spent.
        failures_to_open: failed calls in a row after which the breaker opens.
        probe_seconds: while it is open, one call is let through in this time.
    """

    rate_per_second: float | None = None
    max_concurrent: int = 10
    purchases_per_hour: int | None = None
    failures_to_open: int = 5
    probe_seconds: float = 60


@dataclass(frozen=True, slots=True)
class SpendLimits:
    """What may be bought from all providers together; None is "any number".

    Attributes:
        purchases_per_hour: by everybody.
        purchases_per_hour_per_user: by one customer.
    """

    purchases_per_hour: int | None = None
    purchases_per_hour_per_user: int | None = None


class HoldReason(StrEnum):
    """Why a call may not leave."""

    PAUSED = "paused by ops"
    ASKED_TO_WAIT = "it asked to be left alone for a while"
    CREDENTIALS = "it refuses our credentials and is only probed now and then"
    COOLING_DOWN = "it has failed several times in a row and is only probed now and then"
    RATE = "its rate limit is reached"
    SPEND = "the spend guard's limit of purchases an hour is reached"


@dataclass(frozen=True, slots=True)
class Hold:
    """A call that may not leave now, and when it is worth asking again."""

    reason: HoldReason
    seconds: float


@dataclass(frozen=True, slots=True)
class Gate:
    """What is known of a provider. Moments come from the database's clock.

    Attributes:
        next_call_at: the moment from which the rate limit lets the next call leave.
        failures: failed calls in a row.
        opened_at: since when the breaker is open; None while it is closed.
        probe_at: while it is open, the moment from which one call may leave.
        credentials_refused: it is open because the provider refuses our credentials.
    """

    paused: bool = False
    blocked_until: datetime | None = None
    next_call_at: datetime | None = None
    failures: int = 0
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    credentials_refused: bool = False


class Change(StrEnum):
    """What a call's end has changed for everybody who calls the provider."""

    OPENED = "opened"
    """It failed several times in a row, and is left alone from now on."""
    CREDENTIALS_REFUSED = "credentials refused"
    """It refused our credentials, for the first time or still."""
    CREDENTIALS_ACCEPTED = "credentials accepted"
    """It answered a probe: they are good again."""


def pass_through(gate: Gate, limits: ProviderLimits, now: datetime) -> Gate | Hold:
    """Let one more call leave; return the gate after it, or why the call may not leave."""
    hold = _hold(gate, now)
    if hold is not None:
        return hold
    if gate.opened_at is not None:
        gate = replace(gate, probe_at=now + timedelta(seconds=limits.probe_seconds))
    if limits.rate_per_second is not None:
        pause = timedelta(seconds=1 / limits.rate_per_second)
        gate = replace(gate, next_call_at=now + pause)
    return gate


def after_success(gate: Gate) -> Gate:
    """Close the breaker: the provider answered, if only with a refusal."""
    return replace(gate, failures=0, opened_at=None, probe_at=None, credentials_refused=False)


def after_failure(
    gate: Gate, limits: ProviderLimits, now: datetime, retry_after_seconds: float | None
) -> Gate:
    """Count a failed call. A wait that the provider named is kept instead, by everybody.

    `retry_after_seconds` counts from `now`, and never shortens a wait that is kept already.
    """
    if retry_after_seconds is not None:
        until = now + timedelta(seconds=retry_after_seconds)
        return replace(gate, blocked_until=max(until, gate.blocked_until or until))
    gate = replace(gate, failures=gate.failures + 1)
    return _opened(gate, limits, now) if gate.failures >= limits.failures_to_open else gate


def after_refused_credentials(gate: Gate, limits: ProviderLimits, now: datetime) -> Gate:
    """Open the breaker at once: whatever order asks, the answer would be the same."""
    refused = replace(gate, failures=gate.failures + 1, credentials_refused=True)
    return _opened(refused, limits, now)


def _opened(gate: Gate, limits: ProviderLimits, now: datetime) -> Gate:
    probe_at = now + timedelta(seconds=limits.probe_seconds)
    return replace(gate, opened_at=gate.opened_at or now, probe_at=probe_at)


def _hold(gate: Gate, now: datetime) -> Hold | None:
    if gate.paused:
        return Hold(HoldReason.PAUSED, PAUSED_RECHECK_SECONDS)
    opened = HoldReason.CREDENTIALS if gate.credentials_refused else HoldReason.COOLING_DOWN
    waits = (
        (HoldReason.ASKED_TO_WAIT, gate.blocked_until),
        (opened, gate.probe_at if gate.opened_at else None),
        (HoldReason.RATE, gate.next_call_at),
    )
    for reason, until in waits:
        if until is not None and now < until:
            return Hold(reason, (until - now).total_seconds())
    return None


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
    """A person has paused it."""
    CREDENTIALS_REFUSED = "credentials_refused"
    """It knows neither our key nor our address, and is only probed now and then."""
    BLOCKED = "blocked"
    """It asked to be left alone for a while (`Retry-After`)."""
    COOLING_DOWN = "cooling_down"
    """It failed several times in a row, and is only probed now and then."""
    FAILING = "failing"
    """The last calls failed, not yet often enough to open the breaker."""
    OK = "ok"
    UNKNOWN = "unknown"
    """It was not called yet, or not since its last failure was forgiven."""


def next_step(condition: Health, provider: str) -> str:
    """Say what a person can do about a provider's condition, with the command to run."""
    resume = f'esimctl resume {provider} --reason "..."'
    if condition is Health.CREDENTIALS_REFUSED:
        return f"Check its key, and that it admits our address; then: {resume}"
    if condition is Health.PAUSED:
        return f"To let it go on: {resume}"
    if condition in {Health.OK, Health.UNKNOWN}:
        return "Nothing."
    return f"Nothing: it is called again by itself. At once: {resume}"


def breaker(gate: Gate, now: datetime) -> BreakerState:
    """Say whether calls may leave."""
    if gate.opened_at is None:
        return BreakerState.CLOSED
    waits = gate.probe_at is not None and now < gate.probe_at
    return BreakerState.OPEN if waits else BreakerState.PROBING


def health(
    gate: Gate, now: datetime, last_success_at: datetime | None, last_failure_at: datetime | None
) -> Health:
    """Read a provider's condition from its gate."""
    blocked = gate.blocked_until is not None and now < gate.blocked_until
    answers = last_success_at is not None and (
        last_failure_at is None or last_failure_at <= last_success_at
    )
    conditions = (
        (gate.paused, Health.PAUSED),
        (gate.credentials_refused, Health.CREDENTIALS_REFUSED),
        (blocked, Health.BLOCKED),
        (gate.opened_at is not None, Health.COOLING_DOWN),
        (gate.failures > 0, Health.FAILING),
        (answers, Health.OK),
    )
    return next((word for holds, word in conditions if holds), Health.UNKNOWN)
