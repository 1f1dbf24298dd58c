"""The Prefer header."""

import pytest

from api.http.preferences import Preference, parse


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], Preference()),
        (["wait=5"], Preference(5)),
        (["wait=0"], Preference(0)),
        (["wait=25"], Preference(25)),
        (["wait=26"], Preference(25)),
        (["wait=999999999"], Preference(25)),
        (['Wait = "7"'], Preference(7)),
        (["respond-async"], Preference(None, respond_async=True)),
        (["Respond-Async, wait=10"], Preference(10, respond_async=True)),
        (["respond-async", "wait=10; foo"], Preference(10, respond_async=True)),
        (["wait=3, wait=4"], Preference(3)),
        (["return=minimal, handling=lenient"], Preference()),
        *[([bad], Preference()) for bad in ("wait", "wait=", "wait=-1", "wait=1.5", "wait=abc")],
        (["wait=" + "9" * 5000], Preference()),
    ],
)
def test_preferences_are_read_and_nonsense_is_ignored(
    headers: list[str], expected: Preference
) -> None:
    """The first of a kind wins, a wait is at most 25 seconds."""
    assert parse(headers) == expected


def test_a_wait_is_what_was_asked_for_else_the_default() -> None:
    """`respond-async` alone does not wait; with a wait it waits that long."""
    assert Preference().wait_or(10) == 10
    assert Preference(3).wait_or(10) == 3
    assert Preference(None, respond_async=True).wait_or(10) == 0
    assert Preference(3, respond_async=True).wait_or(10) == 3


def test_what_was_applied_is_named() -> None:
    """The Preference-Applied header."""
    assert Preference().applied is None
    assert Preference(3).applied == "wait=3"
    assert Preference(3, respond_async=True).applied == "respond-async, wait=3"
