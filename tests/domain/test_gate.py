"""The gate in front of a provider: what holds a call back, and what a call's end changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import (
    ProviderError,
    ProviderOrderFailed,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderReplyUnusable,
    ProviderUnavailable,
)
from domain.gate import (
    PAUSED_RECHECK_SECONDS,
    Gate,
    Health,
    Hold,
    HoldReason,
    ProviderLimits,
    after_failure,
    after_refused_credentials,
    after_success,
    health,
    pass_through,
)

UNTIMED = settings(deadline=None)  # a busy machine is no failure

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FREE = ProviderLimits()
SECONDS = st.floats(0.001, 100_000)


def later(seconds: float) -> datetime:
    """So long after NOW."""
    return NOW + timedelta(seconds=seconds)


def opened(limits: ProviderLimits, now: datetime = NOW) -> Gate:
    """A gate whose breaker has opened just now."""
    gate = Gate()
    for _ in range(limits.failures_to_open):
        gate = after_failure(gate, limits, now, None)
    return gate


def held(gate: Gate, limits: ProviderLimits, now: datetime) -> Hold:
    """Why a call may not leave; the test fails if it may."""
    answer = pass_through(gate, limits, now)
    assert isinstance(answer, Hold)
    return answer


def test_an_untouched_gate_lets_every_call_through_unchanged() -> None:
    """Without limits, failures or a pause there is nothing to hold and nothing to note."""
    assert pass_through(Gate(), FREE, NOW) == Gate()


@UNTIMED
@given(st.builds(Gate, blocked_until=st.sampled_from([None, later(5)]), failures=st.integers(0, 9)))
def test_a_paused_provider_is_held_whatever_else_is_so(gate: Gate) -> None:
    """A pause comes before every other reason, and says when to look again."""
    answer = held(replace(gate, paused=True), FREE, NOW)
    assert answer == Hold(HoldReason.PAUSED, PAUSED_RECHECK_SECONDS)


@UNTIMED
@given(st.lists(SECONDS, min_size=1, max_size=6))
def test_the_longest_wait_that_was_asked_for_is_kept(waits: list[float]) -> None:
    """A later, shorter Retry-After does not shorten an earlier, longer one."""
    gate = Gate()
    for wait in waits:
        gate = after_failure(gate, FREE, NOW, wait)
    assert gate.blocked_until == max(later(wait) for wait in waits)
    answer = held(gate, FREE, NOW)
    assert answer.reason is HoldReason.ASKED_TO_WAIT
    assert isinstance(pass_through(gate, FREE, later(max(waits) + 0.001)), Gate)


@UNTIMED
@given(st.lists(SECONDS, min_size=1, max_size=20))
def test_a_named_wait_is_no_failure(waits: list[float]) -> None:
    """A provider that says when it wants to be called is alive: the breaker does not count it."""
    gate = Gate(failures=2)
    for wait in waits:
        gate = after_failure(gate, FREE, NOW, wait)
    assert (gate.failures, gate.opened_at) == (2, None)


@UNTIMED
@given(SECONDS)
def test_a_success_does_not_lift_a_wait_that_was_asked_for(wait: float) -> None:
    """A call that was under way when the 429 came says nothing of the wait."""
    gate = after_success(after_failure(Gate(), FREE, NOW, wait))
    assert held(gate, FREE, NOW).reason is HoldReason.ASKED_TO_WAIT


@UNTIMED
@given(
    st.floats(0.01, 1000),
    st.lists(st.floats(0, 50), min_size=2, max_size=40),
)
def test_calls_leave_no_faster_than_the_rate(rate: float, pauses: list[float]) -> None:
    """However often it is asked, two calls are at least one rate interval apart."""
    limits = ProviderLimits(rate_per_second=rate)
    gate, now, left = Gate(), NOW, []
    for pause in pauses:
        now += timedelta(seconds=pause)
        answer = pass_through(gate, limits, now)
        if isinstance(answer, Gate):
            gate = answer
            left.append(now)
        else:
            assert answer.reason is HoldReason.RATE
            assert answer.seconds > 0
    assert left
    interval = timedelta(seconds=1 / rate)
    assert all(after - before >= interval for before, after in pairwise(left))


def test_a_hold_for_the_rate_says_how_long() -> None:
    """Whoever waits that long gets through."""
    limits = ProviderLimits(rate_per_second=2)
    gate = pass_through(Gate(), limits, NOW)
    assert isinstance(gate, Gate)
    assert held(gate, limits, later(0.1)) == Hold(HoldReason.RATE, 0.4)
    assert isinstance(pass_through(gate, limits, later(0.5)), Gate)


@UNTIMED
@given(st.integers(1, 20))
def test_the_breaker_opens_after_so_many_failures_in_a_row(count: int) -> None:
    """Not one failure earlier."""
    limits = ProviderLimits(failures_to_open=count)
    gate = Gate()
    for _ in range(count - 1):
        gate = after_failure(gate, limits, NOW, None)
        assert isinstance(pass_through(gate, limits, NOW), Gate)
    gate = after_failure(gate, limits, NOW, None)
    assert held(gate, limits, NOW) == Hold(HoldReason.COOLING_DOWN, limits.probe_seconds)


def test_refused_credentials_hold_the_provider_at_once_with_a_reason_of_their_own() -> None:
    """One refusal is enough; one probe in the usual time; another failure keeps the reason."""
    gate = after_refused_credentials(Gate(), FREE, NOW)
    assert held(gate, FREE, NOW) == Hold(HoldReason.CREDENTIALS, FREE.probe_seconds)
    probing = pass_through(gate, FREE, later(FREE.probe_seconds))
    assert isinstance(probing, Gate)
    assert held(probing, FREE, later(FREE.probe_seconds)).reason is HoldReason.CREDENTIALS
    failed = after_failure(probing, FREE, later(FREE.probe_seconds), None)
    assert held(failed, FREE, later(FREE.probe_seconds)).reason is HoldReason.CREDENTIALS
    assert health(failed, NOW, NOW, NOW) is Health.CREDENTIALS_REFUSED
    assert pass_through(after_success(failed), FREE, NOW) == Gate()


def test_a_success_in_between_starts_the_count_afresh() -> None:
    """Four failures, an answer, four failures: five in a row there were none."""
    gate = Gate()
    for _ in range(2):
        for _ in range(FREE.failures_to_open - 1):
            gate = after_failure(gate, FREE, NOW, None)
        assert gate.opened_at is None
        gate = after_success(gate)
    assert gate == Gate()


@UNTIMED
@given(st.lists(st.floats(0, 100), min_size=5, max_size=60), st.floats(1, 600))
def test_while_the_breaker_is_open_one_call_leaves_in_each_interval(
    pauses: list[float], probe_seconds: float
) -> None:
    """However many ask, and although every probe fails."""
    limits = ProviderLimits(probe_seconds=probe_seconds)
    gate, now, probes = opened(limits), NOW, [NOW]
    for pause in pauses:
        now += timedelta(seconds=pause)
        answer = pass_through(gate, limits, now)
        if isinstance(answer, Gate):
            probes.append(now)
            assert held(answer, limits, now).reason is HoldReason.COOLING_DOWN
            gate = after_failure(answer, limits, now, None)
    interval = timedelta(seconds=probe_seconds)
    assert all(after - before >= interval for before, after in pairwise(probes))


def test_a_failed_probe_keeps_the_moment_since_when_it_is_open() -> None:
    """Ops see how long the outage lasts, not when it was last probed."""
    gate = after_failure(opened(FREE), FREE, later(500), None)
    assert gate.opened_at == NOW
    assert gate.probe_at == later(500 + FREE.probe_seconds)


def test_a_probe_that_is_answered_closes_the_breaker() -> None:
    """Everybody may call again at once."""
    probe = pass_through(opened(FREE), FREE, later(FREE.probe_seconds))
    assert isinstance(probe, Gate)
    closed = after_success(probe)
    assert pass_through(closed, FREE, later(FREE.probe_seconds)) == Gate()


def test_a_probe_that_is_asked_to_wait_keeps_the_breaker_open_and_the_wait() -> None:
    """Both hold: first the wait that was asked for, then one probe at a time."""
    gate = after_failure(opened(FREE), FREE, NOW, 300)
    assert held(gate, FREE, later(299)).reason is HoldReason.ASKED_TO_WAIT
    probe = pass_through(gate, FREE, later(300))
    assert isinstance(probe, Gate)
    assert held(probe, FREE, later(300)).reason is HoldReason.COOLING_DOWN


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (ProviderUnavailable("503"), True),
        (ProviderOutcomeUnknown("no answer"), True),
        (ProviderReplyUnusable("no JSON"), False),
        (ProviderRefused("no credit"), False),
        (ProviderOutOfStock("sold out"), False),
        (ProviderOrderFailed("never delivered"), False),
    ],
    ids=lambda case: type(case).__name__,
)
def test_who_answers_is_alive(error: ProviderError, failed: bool) -> None:
    """A refusal and even an unusable reply are answers; silence and 5xx are failures."""
    assert error.is_outage is failed
