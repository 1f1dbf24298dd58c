"""What may reach a customer as a code: the table of `domain/codes/verdict.py`, row by row."""

from itertools import product

import pytest

from domain import blank
from domain.codes import confirmation_code, install_codes, instructions, sold_code
from domain.codes.verdict import (
    IGNORED,
    NO_CODE,
    NO_MATCHING_ID,
    NOT_BY_QR,
    SMALL_LETTERS,
    WAS_WRAPPED,
)
from domain.errors import InvalidActivationCode, InvalidInput

HOST = "smdp.north.example"
CODE = f"1${HOST}$NB-20-77AC"
LPA = f"LPA:{CODE}"
PICTURES = (
    "https://qr.north.example/8999048022983742217.png",
    "//qr.north.example/1",
    "www.north.example/qr",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA",
    "iVBORw0KGgoAAAANSUhEUgAAASwAAAEs",
    "qr.png",
    HOST,
)
NOTHING = ("NULL", "nan", "N/A", "\\N", "None", "-", "undefined", " null ", '"NULL"', "#N/A")
STATES = ("PENDING", "Processing", "TBD", "?", "***", "unavailable", "[redacted]")
NUMBERS = (
    "8999048022983742217",
    "8999 0480 2298 3742 217",
    "8999048022983742217F",
    "4711.0",
    "9" * 32,
)
NO_CODES = (*PICTURES, *STATES, *NUMBERS, "8.9E+18", "4711,00", "two words", "a/b", "CÓDIGO")
BARE = ("INV-ABC123", "XYZ", "LPA:1$XYZ", "1$INV-ABC123", "12E45", "INV.ABC123", "4711")


@pytest.mark.parametrize(
    "given",
    [
        LPA.replace(":", "%3A").replace("$", "%24"),
        "lpa%3a1%24smdp.north.example%24NB-20-77AC",
        "LPA%253A1%2524smdp.north.example%2524NB-20-77AC",
        f"https://esimsetup.apple.com/esim_qrcode_provisioning?carddata={LPA}",
        "https://esimsetup.apple.com/i?carddata=LPA%3A1%24smdp.north.example%24NB-20-77AC&utm=shop",
        f"https://esimsetup.android.com/esim_qrcode_provisioning?carddata={CODE}",
        f"https://shop.example/install#lpa={LPA}",
        f"HTTPS://shop.example/i?a={LPA}&b={LPA}",
        "https%3A%2F%2Fshop.example%2Fi%3Fcarddata%3DLPA%253A1%2524smdp.north.example%2524NB-20-77AC",
        f'"{LPA}"',
        f"'{LPA}",
        f"LPA: 1 $ {HOST} $ NB-20-77AC",
        f" \u00a0{LPA}\r\n",
        f"\ufeffLPA:1${HOST}$NB-\u200b20-77\u2060AC",
    ],
)
def test_wrapped_code_is_unwrapped(given: str) -> None:
    """Percent-encoding, install links, quotes, blanks beside delimiters, what nobody sees."""
    codes = install_codes(given)
    assert codes.qr_payload.lower() == LPA.lower()
    assert codes.qr_payload.endswith("$NB-20-77AC")
    assert codes.installable


@pytest.mark.parametrize(
    "given",
    [
        f"LPA:1${HOST}$NB-20 4711",
        f"LPA:1${HOST}$NB-20\n4711",
        f"LPA:1$LPA%3A1%24{HOST}%24NB-20",
        f"https://shop.example/i?a={LPA}&b={LPA}-2",
        "https://shop.example/i?carddata=...",
        "https://[broken",
        "https://shop.example/" + "a" * 5000,
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(given: str) -> None:
    """A second word may be a second code; a link that names two names none."""
    with pytest.raises(InvalidActivationCode):
        install_codes(given)


@pytest.mark.parametrize("matching_id", ["TRIAL-2611280900-kQwZp-10442", "abc"])
def test_small_letters_are_kept_with_a_warning(matching_id: str) -> None:
    """Phones take them, whatever the standard says."""
    codes = install_codes(f"1${HOST}${matching_id}")
    assert codes.qr_payload == f"LPA:1${HOST}${matching_id}"
    assert codes.warnings == (SMALL_LETTERS,)


def test_fields_beyond_the_fifth_are_kept_whole() -> None:
    """SGP.22 v3 adds some; empty ones at the end go from the QR payload alone."""
    longer = f"{LPA}$1.3.6.1.4.1.31746$1$81370F5125D0B1D408D4C3B232E6D25E795BEBFB$1"
    assert install_codes(longer).qr_payload == longer
    assert install_codes(longer).confirmation_required
    assert install_codes(f"{LPA}$$$X").qr_payload == f"{LPA}$$$X"
    assert install_codes(f"{LPA}$$$").qr_payload == LPA


@pytest.mark.parametrize("code", [CODE, LPA])
@pytest.mark.parametrize("beside", [*PICTURES, *STATES, *NUMBERS, *NOTHING, "QR-77", None])
def test_what_is_no_lpa_string_contradicts_no_complete_code(code: str, beside: str | None) -> None:
    """It is delivered by the complete code, whichever of the two fields that stands in."""
    by_code = install_codes(code, beside)
    assert (by_code.activation_code, by_code.qr_payload) == (code, LPA)
    ignored = beside is not None and beside not in NOTHING
    assert (IGNORED in by_code.warnings) is ignored
    if beside != "QR-77":  # a label
        by_payload = install_codes(beside, code)
        assert (by_payload.activation_code, by_payload.qr_payload) == (CODE, LPA)


def test_two_codes_are_refused() -> None:
    """Nobody can say which of them was sold; the case of a host or of `LPA:` makes no second."""
    assert install_codes(LPA, CODE.upper().replace("LPA", "lpa")).qr_payload == LPA
    for other in (f"{LPA}-2", "LPA:1$other.example$NB-20-77AC", f"{LPA}$$1", "LPA:1$XYZ"):
        with pytest.raises(InvalidActivationCode, match="different profiles"):
            install_codes(CODE, other)
    with pytest.raises(InvalidActivationCode, match="different profiles"):
        install_codes(f"1${HOST}$ab", f"LPA:1${HOST}$AB")


@pytest.mark.parametrize(("frame", "short"), list(product(("{0}", "LPA:1${0}", "1${0}"), NO_CODES)))
def test_what_can_be_no_code_is_refused_unquoted(frame: str, short: str) -> None:
    """Alone or dressed as an LPA string, and with nothing better beside it."""
    for given, beside in (
        (frame.format(short), None),
        (None, frame.format(short)),
        ("INV-7", frame.format(short)),
    ):
        with pytest.raises(InvalidActivationCode) as refused:
            install_codes(given, beside)
        assert short not in f"{refused.value}" or len(short) < 2


@pytest.mark.parametrize("word", sorted(blank.NOTHING | blank.NOT_YET))
def test_no_word_is_a_code_a_matching_id_or_a_confirmation_code(word: str) -> None:
    """In whichever case; nor is it an instruction."""
    for written in (word, word.upper(), f" {word.capitalize()} "):
        for code in (written, f"LPA:1${written.strip()}"):
            with pytest.raises(InvalidActivationCode):
                install_codes(code)
        if len(word) > 2 and word[0].isalpha():
            with pytest.raises(InvalidActivationCode):
                install_codes(f"1${HOST}${written.strip()}")
        assert confirmation_code(written) is None
        assert instructions(written) is None


@pytest.mark.parametrize("code", BARE)
def test_bare_codes_stay(code: str) -> None:
    """Stock of one's own, without an SM-DP+ address, is handed out to be typed in."""
    codes = install_codes(code)
    short = code.removeprefix("LPA:").removeprefix("1$")
    assert (codes.activation_code, codes.qr_payload) == (code, f"LPA:1${short}")
    assert codes.warnings == (NOT_BY_QR,)


@pytest.mark.parametrize(
    ("given", "address", "matching_id"),
    [
        (None, HOST, "NB-20-77AC"),
        ("N/A", f"https://{HOST}/", "NB-20-77AC"),
        (None, f" {HOST.upper()}:443 ", "\u200bNB-20-77AC "),
        ("NB-20-77AC", HOST, None),
        ("NB-20-77AC", HOST, "NB-20-77AC"),
        (LPA, HOST.upper(), "NB-20-77AC"),
        (LPA, None, "NB-20-77AC"),
        (LPA, HOST, "N/A"),
        (None, HOST, LPA),
        (None, None, LPA),
        ("https://qr.north.example/1.png", HOST, "NB-20-77AC"),
    ],
)
def test_address_and_matching_id_apart_are_one_code(
    given: str | None, address: str | None, matching_id: str | None
) -> None:
    """Whoever writes the address into a field of its own means it."""
    codes = install_codes(given, smdp_address=address, matching_id=matching_id)
    assert codes.qr_payload == LPA
    assert codes.activation_code in (CODE, LPA)


@pytest.mark.parametrize(
    ("given", "address", "matching_id"),
    [
        (LPA, "other.example", None),
        (LPA, HOST, "OTHER"),
        (None, HOST, None),
        (None, "localhost", "NB-1"),
        (None, HOST, "two words"),
        (None, HOST, "PENDING"),
        ("LPA:1$nodots$X", HOST, "NB-1"),
    ],
)
def test_columns_that_make_no_code_are_refused(
    given: str | None, address: str | None, matching_id: str | None
) -> None:
    """A different address, none to a matching id, or none that can be one."""
    with pytest.raises(InvalidActivationCode):
        install_codes(given, smdp_address=address, matching_id=matching_id)


def test_a_label_beside_two_columns_stays_a_label() -> None:
    """Ops' own name for a profile whose code is complete."""
    codes = install_codes("INV-7", smdp_address=HOST, matching_id="NB-20-77AC")
    assert (codes.activation_code, codes.qr_payload) == ("INV-7", LPA)


def test_warnings_say_what_was_done() -> None:
    """Unwrapped, or without a matching id."""
    assert install_codes(LPA.replace("$", "%24")).warnings == (WAS_WRAPPED,)
    assert install_codes(f"1${HOST}$").warnings == (NO_MATCHING_ID,)
    assert install_codes(LPA).warnings == ()


def test_the_table_names_what_it_refuses() -> None:
    """Each row of NO_CODE recognises something that no other words describe."""
    assert len({what for what, _ in NO_CODE}) == len(NO_CODE) - 1  # addresses have two rows


@pytest.mark.parametrize("damaged", ["4711.0", "4711,00", "8.9E+18", "1E+15", "12.5"])
def test_damaged_confirmation_code_is_refused(damaged: str) -> None:
    """Its zeros may be lost: neither dropped nor shown."""
    with pytest.raises(InvalidInput, match="spreadsheets"):
        confirmation_code(damaged)
    assert instructions(damaged) is None


@pytest.mark.parametrize("code", ["4711", "0042", "12E45", "AB CD", "none-7"])
def test_confirmation_code_is_kept(code: str) -> None:
    """Leading zeros included."""
    assert confirmation_code(f" {code}\n") == code


@pytest.mark.parametrize("code", ["x" * 65, "caf\u00e9", "47\x0711"])
def test_what_cannot_be_typed_is_no_confirmation_code(code: str) -> None:
    """Too long, or not on a phone's keyboard."""
    with pytest.raises(InvalidInput, match="typed in"):
        confirmation_code(code)


@pytest.mark.parametrize(
    "code",
    ["PENDING", "https://shop.example/i/7", "8999048022983742217", f"{LPA}$$1", "A B", "\u4f60"],
)
def test_a_person_can_answer_for_any_code(code: str) -> None:
    """`--as-given`: the customer is given it to the letter, and it is not judged."""
    sold = sold_code(f" {code}\n", as_given=True)
    assert (sold.codes.activation_code, sold.codes.qr_payload, sold.as_given) == (code, code, True)
    with pytest.raises(InvalidInput):
        sold_code(code)


@pytest.mark.parametrize("code", ["", " ", "A\nB", "A\x00", "\ud800", "A" * 1001])
def test_what_cannot_be_shown_is_not_even_taken_as_given(code: str) -> None:
    """Blank, unprintable, or more than a QR code holds."""
    with pytest.raises(InvalidActivationCode):
        sold_code(code, as_given=True)
