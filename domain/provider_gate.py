"""The gate in front of a provider: who may call it now, and what a call's end changes.

One gate for the whole fleet. It holds calls back while the provider is paused by ops, while a
`Retry-After` runs, while the breaker is open (but for one probe now and then), and beyond the
rate limit. Pure: the row behind it is `db/provider_gates.py`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.errors import (
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderReplyUnusable,
    ProviderUnavailable,
)
from domain.provider_limits import ProviderLimits

PAUSED_RECHECK_SECONDS = 60.0
"""When somebody who found the provider paused may look again; nobody knows when it ends."""


class HoldReason(StrEnum):
    """Why a call may not leave."""

    PAUSED = "paused by ops"
    ASKED_TO_WAIT = "it asked to be left alone for a while"
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
    """

    paused: bool = False
    blocked_until: datetime | None = None
    next_call_at: datetime | None = None
    failures: int = 0
    opened_at: datetime | None = None
    probe_at: datetime | None = None


def pass_through(gate: Gate, limits: ProviderLimits, now: datetime) -> Gate | Hold:
    """The gate after one more call has left, or why it may not leave."""
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
    """The provider answered, if only with a refusal: the breaker closes."""
    return replace(gate, failures=0, opened_at=None, probe_at=None)


def after_failure(
    gate: Gate, limits: ProviderLimits, now: datetime, retry_after_seconds: float | None
) -> Gate:
    """A call failed. A named wait is kept by everybody; without one the breaker counts it."""
    if retry_after_seconds is not None:
        until = now + timedelta(seconds=retry_after_seconds)
        return replace(gate, blocked_until=max(until, gate.blocked_until or until))
    failures = gate.failures + 1
    if failures < limits.failures_to_open:
        return replace(gate, failures=failures)
    return replace(
        gate,
        failures=failures,
        opened_at=gate.opened_at or now,
        probe_at=now + timedelta(seconds=limits.probe_seconds),
    )


def is_failure(error: ProviderError) -> bool:
    """Whether an error says that the provider is not well, rather than that it said no."""
    if isinstance(error, ProviderReplyUnusable):
        return False
    return isinstance(error, ProviderUnavailable | ProviderOutcomeUnknown)


def _hold(gate: Gate, now: datetime) -> Hold | None:
    if gate.paused:
        return Hold(HoldReason.PAUSED, PAUSED_RECHECK_SECONDS)
    waits = (
        (HoldReason.ASKED_TO_WAIT, gate.blocked_until),
        (HoldReason.COOLING_DOWN, gate.probe_at if gate.opened_at else None),
        (HoldReason.RATE, gate.next_call_at),
    )
    for reason, until in waits:
        if until is not None and now < until:
            return Hold(reason, (until - now).total_seconds())
    return None
