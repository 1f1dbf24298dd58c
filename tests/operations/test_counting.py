"""Numbers in sentences."""

import pytest

from operations.counting import counted


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (2, ("row",), "2 rows"),
        (1, ("event is", "events are"), "1 event is"),
        (3, ("event is", "events are"), "3 events are"),
    ],
)
def test_a_noun_agrees_with_its_number(number: int, words: tuple[str, ...], said: str) -> None:
    """Only one is singular."""
    assert counted(number, *words) == said
