"""Activation codes by SGP.22 section 4.1, and the shorter ones that real stock holds."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.blank import is_word_for_nothing
from domain.codes import ActivationCode, install_codes, parse_activation_code
from domain.errors import InvalidActivationCode

UNTIMED = settings(deadline=None)  # a busy machine is no failure

LABEL = st.from_regex(r"[0-9a-zA-Z]([0-9a-zA-Z-]{0,10}[0-9a-zA-Z])?", fullmatch=True)
HOSTS = st.builds(lambda labels: ".".join([*labels, "example"]), st.lists(LABEL, min_size=1))
MATCHING_IDS = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-", max_size=40)
OIDS = st.none() | st.from_regex(r"[0-2](\.[0-9]{1,4}){1,5}", fullmatch=True)


@st.composite
def activation_codes(draw: st.DrawFn) -> ActivationCode:
    """Any valid code."""
    host = draw(HOSTS)
    assume(len(host) <= 150)
    matching_id = draw(MATCHING_IDS)
    assume(not is_word_for_nothing(matching_id))
    return ActivationCode(host, matching_id, draw(OIDS), draw(st.booleans()))


@UNTIMED
@given(activation_codes())
def test_written_code_reads_back(code: ActivationCode) -> None:
    """Both spellings of a code give the same code, and parsing normalises nothing away."""
    assert parse_activation_code(code.activation_code) == code
    assert parse_activation_code(code.lpa_string) == code
    assert code.lpa_string == f"LPA:{code.activation_code}"


@UNTIMED
@given(activation_codes())
def test_no_form_of_a_code_is_prefixed_twice(code: ActivationCode) -> None:
    """Whatever a source gives, alone or as a pair, the QR payload is the LPA string."""
    for given_code in (code.activation_code, code.lpa_string):
        for given_payload in (None, "", code.activation_code, code.lpa_string):
            codes = install_codes(given_code, given_payload)
            assert (codes.activation_code, codes.qr_payload) == (given_code, code.lpa_string)
            assert codes.installable


@UNTIMED
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text does anything but succeed or raise the one error; what succeeds is stable."""
    try:
        codes = install_codes(text)
    except InvalidActivationCode:
        return
    assert codes.qr_payload.startswith("LPA:1$")
    assert len(codes.qr_payload) <= 259
    again = install_codes(codes.qr_payload)
    assert (again.qr_payload, again.installable) == (codes.qr_payload, codes.installable)


@UNTIMED
@given(st.text())
def test_refusal_never_quotes_the_code(text: str) -> None:
    """An error may stand in a log, so it must not hold the code."""
    secret = f"CANARY{text}"
    for code in (secret, f"1$smdp.example.com${secret}", f"LPA:1${secret}$X", f"1$x.y${secret}$1"):
        try:
            install_codes("LABEL", code)
        except InvalidActivationCode as error:
            assert "CANARY" not in f"{error} {error!r}"  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1$SMDP.GSMA.COM$04386-AGYFT-A74Y8-3F815", (None, False)),
        ("1$SMDP.GSMA.COM$04386-AGYFT-A74Y8-3F815$$1", (None, True)),
        ("1$SMDP.GSMA.COM$04386-AGYFT-A74Y8-3F815$1.3.6.1.4.1.31746", ("1.3.6.1.4.1.31746", False)),
        (
            "1$SMDP.GSMA.COM$04386-AGYFT-A74Y8-3F815$1.3.6.1.4.1.31746$1",
            ("1.3.6.1.4.1.31746", True),
        ),
    ],
)
def test_forms_of_the_specification_are_read(text: str, expected: tuple[str | None, bool]) -> None:
    """The four examples of SGP.22 give address, matching id, OID and confirmation flag."""
    code = parse_activation_code(text)
    assert (code.smdp_address, code.matching_id) == ("SMDP.GSMA.COM", "04386-AGYFT-A74Y8-3F815")
    assert (code.smdp_oid, code.confirmation_required) == expected
    assert code.activation_code == text


def test_matching_id_may_be_empty() -> None:
    """The SM-DP+ then finds the profile by the phone's EID."""
    assert parse_activation_code("LPA:1$smdp.example.com$").matching_id == ""


def test_prefix_is_read_in_any_case_and_trailing_delimiters_go() -> None:
    """Harmless variants are normalised."""
    code = parse_activation_code(" lpa:1$smdp.example.com$AB-1$$ ")
    assert code.lpa_string == "LPA:1$smdp.example.com$AB-1"


@pytest.mark.parametrize(
    ("activation_code", "qr_payload"),
    [
        ("INV-ABC123", "LPA:1$INV-ABC123"),
        ("LPA:1$XYZ", "LPA:1$XYZ"),
        ("1$XYZ", "LPA:1$XYZ"),
        ("XYZ", None),
        ("XYZ", "XYZ"),
    ],
)
def test_short_codes_are_kept_and_flagged(activation_code: str, qr_payload: str | None) -> None:
    """Stock without an SM-DP+ address stays as given; phones cannot install it by QR."""
    codes = install_codes(activation_code, qr_payload)
    assert codes.activation_code == activation_code
    assert codes.qr_payload in ("LPA:1$INV-ABC123", "LPA:1$XYZ")
    assert not codes.installable


def test_label_beside_a_complete_payload_is_installable() -> None:
    """A bare code may be ops' own name for a profile; the QR payload is what phones read."""
    codes = install_codes("INV-7", "1$smdp.example.com$AB-1")
    assert (codes.activation_code, codes.qr_payload) == ("INV-7", "LPA:1$smdp.example.com$AB-1")
    assert codes.installable


@pytest.mark.parametrize(
    ("activation_code", "qr_payload"),
    [
        ("1$smdp.example.com$AB-1", "LPA:1$smdp.example.com$AB-2"),
        ("1$smdp.example.com$AB-1", "LPA:1$AB-1"),
        ("INV-1", "LPA:1$INV-2"),
    ],
)
def test_contradicting_pair_is_refused(activation_code: str, qr_payload: str) -> None:
    """Two different profiles in one row: nobody can say which one is meant."""
    with pytest.raises(InvalidActivationCode, match="different profiles"):
        install_codes(activation_code, qr_payload)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "LPA:",
        "LPA:1$",
        "1$",
        "LPA:XYZ",
        "LPA:LPA:XYZ",
        "1$LPA:XYZ",
        "LPA:1$LPA:1$XYZ",
        "LPA:1$1$smdp.example.com$AB",
        "LPA:LPA:1$smdp.example.com$AB",
        "2$smdp.example.com$AB",
        "a$b",
        "$$",
        "1$$AB",
        "1$localhost$AB",
        "1$10.0.0.1$AB",
        "1$-smdp.example.com$AB",
        "1$smdp..example.com$AB",
        "1$smdp_1.example.com$AB",
        f"1${'a' * 64}.example.com$AB",
        f"1${'a.' * 127}com$AB",
        "1$https://smdp.example.com$AB",
        "1$smdp.example.com$A_B",
        "1$smdp.example.com$AB$not.an.oid",
        "1$smdp.example.com$AB$1",
        "1$smdp.example.com$AB$$0",
        "1$smdp.example.com$PENDING",
        f"1$smdp.example.com${'A' * 240}",
        "A" * 254,
        "A B",
        "A\tB",
        "A\x00B",
        "CÓDIGO",
        "LPA:1$smdp.example.com$AB LPA:1$smdp.example.com$CD",
    ],
)
def test_mangled_codes_are_refused(text: str) -> None:
    """Neither stock nor a provider's reply gets in with these."""
    with pytest.raises(InvalidActivationCode):
        install_codes(text)
    with pytest.raises(InvalidActivationCode):
        install_codes("LABEL", text if text.strip() else "\x00")


def test_longest_code_is_accepted() -> None:
    """255 characters without the prefix; one more is too many."""
    room = 255 - len("1$smdp.example.com$")
    assert install_codes(f"LPA:1$smdp.example.com${'A' * room}").installable
    with pytest.raises(InvalidActivationCode):
        install_codes(f"1$smdp.example.com${'A' * (room + 1)}")


@pytest.mark.parametrize("start", ["1$smdp.example.com$", "1$"], ids=["complete", "short"])
def test_a_long_code_is_kept_without_its_prefix(start: str) -> None:
    """Stock has room for 255 characters; the QR payload has room for `LPA:` as well."""
    code = start + "A" * (252 - len(start))
    fits, too_long = install_codes(f"LPA:{code[:-1]}"), install_codes(f"lpa:{code}")
    assert fits.activation_code == f"LPA:{code[:-1]}"
    assert (too_long.activation_code, too_long.qr_payload) == (code, f"LPA:{code}")


def test_codes_do_not_show_themselves() -> None:
    """Neither type's repr holds the secret part."""
    secret = "CANARY-1"
    code = ActivationCode("smdp.example.com", secret)
    codes = install_codes(code.lpa_string)
    assert secret not in f"{code} {code!r} {codes} {codes!r}"
