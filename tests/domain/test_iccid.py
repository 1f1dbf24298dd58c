"""ICCIDs by ITU-T E.118, as files and providers really write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidIccid
from domain.iccid import luhn_check_digit, parse_iccid

UNTIMED = settings(deadline=None)  # a busy machine is no failure

DIGITS = st.text("0123456789", min_size=17, max_size=19)


@UNTIMED
@given(DIGITS)
def test_check_digit_makes_digits_valid(digits: str) -> None:
    """With its check digit an ICCID passes, with any other it is reported or refused."""
    right = luhn_check_digit(digits)
    assert parse_iccid(digits + right, strict_luhn=True).luhn_valid
    for wrong in set("0123456789") - {right}:
        assert not parse_iccid(digits + wrong).luhn_valid
        with pytest.raises(InvalidIccid):
            parse_iccid(digits + wrong, strict_luhn=True)


@UNTIMED
@given(DIGITS, st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(digits: str, place: int, shift: int) -> None:
    """Luhn finds every single typing mistake."""
    mistyped = str((int(digits[place]) + shift) % 10)
    changed = digits[:place] + mistyped + digits[place + 1 :]
    assert not parse_iccid(changed + luhn_check_digit(digits)).luhn_valid


@UNTIMED
@given(st.text("0123456789", min_size=18, max_size=20), st.sampled_from(["", "F", "f", "FF"]))
def test_writing_does_not_matter(digits: str, padding: str) -> None:
    """Spaces, hyphens and padding go; the digits stay."""
    spaced = " ".join([digits[:4], digits[4:8], digits[8:]])
    hyphened = "-".join([digits[:4], digits[4:8], digits[8:]])
    for text in (digits, f" {spaced}\n", hyphened, f"{digits[:6]}\u00a0{digits[6:]}"):
        assert parse_iccid(text + padding).digits == digits


@UNTIMED
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but 18 to 20 ASCII digits, or the one error, comes out."""
    try:
        digits = parse_iccid(text).digits
    except InvalidIccid:
        return
    assert digits.isascii()
    assert digits.isdigit()
    assert 18 <= len(digits) <= 20


@pytest.mark.parametrize(
    ("digits", "check_digit"),
    [("7992739871", "3"), ("411111111111111", "1"), ("37828224631000", "5"), ("0", "0")],
)
def test_check_digit_of_known_numbers(digits: str, check_digit: str) -> None:
    """Published examples of the algorithm."""
    assert luhn_check_digit(digits) == check_digit


@pytest.mark.parametrize("digits", ["", "12a", "١٢", " 1"])
def test_check_digit_needs_digits(digits: str) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidIccid):
        luhn_check_digit(digits)


@pytest.mark.parametrize("text", ["8901120200045678901", "89010000000000000123"])
def test_examples_of_the_docs_are_accepted(text: str) -> None:
    """They fail Luhn, and stock like them must import."""
    iccid = parse_iccid(text)
    assert (iccid.digits, str(iccid), iccid.luhn_valid) == (text, text, False)


@pytest.mark.parametrize(
    "text",
    ["8.9E+18", "8,9E+18", "8.90112E18", "89E17", "8.9e+018", "8901120200045678901.0", "8901,1"],
)
def test_spreadsheet_damage_is_explained(text: str) -> None:
    """The sentence says what happened and what to do."""
    with pytest.raises(InvalidIccid, match="export the column as text"):
        parse_iccid(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "F",
        "89011202000456789",
        "890112020004567890123",
        "89O1120200045678901",
        "F8901120200045678901",
        "89011F20200045678901",
        "+8901120200045678901",
        "٨٩٠١١٢٠٢٠٠٠٤٥٦٧٨٩٠١",
        "8901120200045678901\n8901120200045678902",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    """Letters, other digits, wrong lengths and two ICCIDs in one cell."""
    with pytest.raises(InvalidIccid):
        parse_iccid(text)
