"""Foreign text that a terminal may show."""

import pytest

from domain.printable import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë paid 5 €\n\tand left", "Zoë paid 5 €\n\tand left"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("\x9b31m\r", "\\x9b31m\\r"),
        ("abc\u202egnp.exe", "abc\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_would_steer_a_terminal_is_written_out(text: str, shown: str) -> None:
    """Escape sequences, C1 controls, overrides of direction; line ends and tabs stay."""
    assert visible(text) == shown
