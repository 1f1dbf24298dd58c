"""What people write, made fit for a trail that nobody can alter."""

import pytest

from domain.redaction import as_note


@pytest.mark.parametrize(
    "text",
    ["use LPA:1$smdp.example.com$CANARY", "use 1$smdp.example.com$CANARY now", "lpa:1$CANARY"],
)
def test_a_pasted_code_is_withheld(text: str) -> None:
    """Events are never deleted, so a code must not get there."""
    assert "CANARY" not in as_note(text)


def test_ordinary_words_stay() -> None:
    """Prices, numbers and names are no codes."""
    assert as_note("refund $10 for order 11, says Ana") == "refund $10 for order 11, says Ana"


def test_a_known_code_is_withheld_in_part_and_in_any_case() -> None:
    """Its matching id alone too; the "1" of a fifth field and other short parts are no words."""
    codes = ["1$smdp.example.com$QX-7f3k$1.3.6.1$1", "BARE-77", "ok"]
    said = "qx-7F3K of 1$smdp.example.com$QX-7f3k$1.3.6.1$1 is not bare-77, 1 is ok"
    withheld = "[code withheld]"
    assert as_note(said, codes) == f"{withheld} of {withheld} is not {withheld}, 1 is ok"
    assert "QX" not in as_note("x" * 495 + " QX-7F3K", codes)


def test_what_postgres_refuses_goes() -> None:
    """NUL and half a surrogate pair."""
    assert as_note("a\0b\ud800") == "ab?"


def test_a_novel_is_cut() -> None:
    """A note is a sentence or two."""
    assert len(as_note("x" * 10_000)) == 500
