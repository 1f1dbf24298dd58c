"""ReleaseProfile and CancelOrder: what a failure means, and what a repetition finds out."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from domain.errors import (
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from tests.partners.es2plus import (
    BOUGHT_42,
    CODES_LOST,
    TALK,
    Build,
    assert_clean,
    builder,
    by_function,
    done,
    failed,
    one_after_the_other,
)
from tests.partners.scripted import Answer, ScriptedServer


@pytest.fixture
async def build(partner: ScriptedServer) -> AsyncIterator[Build]:
    """Builds adapters for the SM-DP+."""
    async with builder(partner) as build:
        yield build


# ReleaseProfile


@pytest.mark.parametrize("lost", CODES_LOST)
async def test_release_whose_answer_was_lost_is_repeated(
    partner: ScriptedServer, build: Build, lost: Answer
) -> None:
    """The first attempt is "not now", the second goes through."""
    partner.answer = one_after_the_other(lost, done())
    with pytest.raises(ProviderUnavailable) as raised:
        await build().enable(BOUGHT_42)
    await build().enable(BOUGHT_42)
    assert_clean(raised.value)


@pytest.mark.parametrize("reason", ["3.5", "3.3"])
async def test_release_that_may_have_arrived_before_is_done_if_the_state_says_so(
    partner: ScriptedServer, build: Build, reason: str
) -> None:
    """SGP.22 wants 8.2.1/3.5 for a profile that is released already, as it is by our own call."""
    partner.answer = by_function(releaseProfile=failed("8.2.1", reason))
    await build().enable(replace(BOUGHT_42, repeated=True))


@pytest.mark.parametrize(
    ("subject", "reason", "expected"),
    [
        ("8.2.1", "3.5", ProviderRefused),
        ("8.2.1", "3.3", ProviderRefused),
        ("8.2.1", "3.9", ProviderRefused),
        ("8.2.1", "1.2", ProviderRefused),
        ("1.1", "1.1", ProviderRefused),
        ("8.2.1", "4.2", ProviderUnavailable),
        ("1.2", "5.1", ProviderUnavailable),
        (None, None, ProviderUnavailable),
    ],
)
async def test_failed_release_says_whether_to_repeat_it(
    partner: ScriptedServer,
    build: Build,
    subject: object,
    reason: object,
    expected: type[ProviderError],
) -> None:
    """A wrong state stays wrong; a broken execution does not. Either is an answer."""
    partner.answer = by_function(releaseProfile=failed(subject, reason, TALK))
    with pytest.raises(expected) as raised:
        await build().enable(BOUGHT_42)
    assert type(raised.value) is expected
    assert raised.value.answered
    assert_clean(raised.value)


# CancelOrder


@pytest.mark.parametrize("lost", CODES_LOST)
async def test_cancellation_whose_answer_was_lost_is_repeated(
    partner: ScriptedServer, build: Build, lost: Answer
) -> None:
    """The first attempt is unknown; that the matching id is gone shows that it went through."""
    partner.answer = one_after_the_other(lost, failed("8.2.6", "3.10"))
    with pytest.raises(ProviderOutcomeUnknown) as raised:
        await build().cancel(BOUGHT_42)
    assert type(raised.value) is ProviderOutcomeUnknown
    assert await build().cancel(BOUGHT_42) is True
    first_id, second_id = (received.json["matchingId"] for received in partner.requests)
    assert first_id == second_id
    assert_clean(raised.value, str(first_id))


@pytest.mark.parametrize(
    ("subject", "reason", "undone"),
    [
        ("8.2.6", "3.10", True),
        ("8.2.1", "3.3", False),
        ("8.2.1", "3.5", False),
        ("8.2.1", "3.9", False),
    ],
)
async def test_failed_cancellation_says_whether_it_is_undone(
    partner: ScriptedServer, build: Build, subject: str, reason: str, undone: bool
) -> None:
    """A downloaded profile is not taken back; one without our id is cancelled already."""
    partner.answer = by_function(cancelOrder=failed(subject, reason))
    assert await build().cancel(BOUGHT_42) is undone


@pytest.mark.parametrize(
    ("subject", "reason", "expected"),
    [
        ("8.2.1", "1.2", ProviderRefused),
        ("8.1.1", "3.10", ProviderRefused),
        ("1.1", "1.1", ProviderRefused),
        ("1.6", "2.2", ProviderRefused),
        ("8.2.1", "4.2", ProviderOutcomeUnknown),
        ("1.2", "5.1", ProviderOutcomeUnknown),
        (None, None, ProviderOutcomeUnknown),
    ],
)
async def test_other_failed_cancellations_are_refused_or_unknown(
    partner: ScriptedServer,
    build: Build,
    subject: object,
    reason: object,
    expected: type[ProviderError],
) -> None:
    """As an order: checked first is a no, half-way is unknown."""
    partner.answer = by_function(cancelOrder=failed(subject, reason, TALK))
    with pytest.raises(expected) as raised:
        await build().cancel(BOUGHT_42)
    assert type(raised.value) is expected
    assert_clean(raised.value)
