"""What is kept of a foreign reply: enough for ops, never a secret, always storable."""

import json
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.redaction import as_note, without_codes
from providers.kit.redaction import identifiers, masked, redacted

UNTIMED = settings(deadline=None)  # a busy machine is no failure

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["data", "error", "message", "iccid", "x"]), inner)
    ),
    max_leaves=20,
)


def test_useful_fields_survive() -> None:
    """What says why an order failed can be read."""
    body = {"error": {"code": "UNKNOWN_PLAN", "message": "No such plan"}, "requestId": "req-8f3a1c"}
    assert redacted(body, sent=["req-8f3a1c"]) == body


@pytest.mark.parametrize(
    ("field", "kept"),
    [
        ({"requestId": "QX-7F3K-9QXZ"}, {"requestId": "QX-7F3…"}),
        ({"orderNo": "B25091113270004"}, {"orderNo": "B250911…"}),
        ({"transactionId": "XYZ"}, {"transactionId": "X…"}),
        ({"order_reference": "order-42"}, {"order_reference": "order-42"}),
        (
            {"reasonCode": "3.5", "subjectCode": "8.2.1"},
            {"reasonCode": "3.5", "subjectCode": "8.2.1"},
        ),
        ({"reasonCode": "7F3K"}, {"reasonCode": "[redacted]"}),
        ({"esimStatus": "GOT_RESOURCE"}, {"esimStatus": "GOT_RESOURCE"}),
        ({"esimStatus": "7F3K-9QXZ"}, {"esimStatus": "[redacted]"}),
    ],
)
def test_a_name_that_we_did_not_send_is_shortened(
    field: dict[str, str], kept: dict[str, str]
) -> None:
    """It may be a code in the wrong field; what comes back as we sent it is whole."""
    assert redacted(field, sent=["order-42"]) == kept


def test_what_a_request_names_is_found() -> None:
    """Identifiers at any level; not the matching id that we choose, nor the customer."""
    body = {
        "transactionId": "order-42",
        "packageInfoList": [{"packageCode": "ES-5GB", "count": 1}],
        "matchingId": "CANARY",
        "customer": {"name": "CANARY"},
    }
    assert identifiers(body) == {"order-42", "ES-5GB"}


@pytest.mark.parametrize(
    "key", ["activationCode", "activation_code", "qrCode", "instructions", "customer"]
)
def test_fields_that_hold_secrets_are_masked(key: str) -> None:
    """The field is seen, its value is not."""
    assert redacted({key: {"deep": ["CANARY"]}}) == {key: "[redacted]"}


def test_unknown_fields_are_dropped() -> None:
    """Nobody knows what they hold, names included."""
    assert redacted({"CANARY": 1, "smdp": "CANARY", "message": "no"}) == {"message": "no"}


@pytest.mark.parametrize(
    "text",
    [
        "code LPA:1$CANARY",
        "code=lpa:1$smdp.example.com$CANARY;",
        "(1$smdp.example.com$CANARY)",
        "LPA%3A1%24smdp.example.com%24CANARY",
        "matching id CANARY-1234",
        "matching id 1CANARY",
        "matching id CANARY-CODE",
        "mail CANARY@example.com",
        "key CANARYKEY",
        "for Canary Customer",
    ],
)
def test_texts_that_quote_a_secret_are_masked(text: str) -> None:
    """Codes are known by their look, credentials and the customer by their value."""
    kept = redacted({"message": text}, ["CANARYKEY", "canary customer"])
    assert "canary" not in json.dumps(kept).lower()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("iccid", "CANARY-1234"),
        ("requestId", "LPA:1$CANARY"),
        ("requestId", "CANARY CODE"),
        ("requestId", ["CANARY"]),
        ("requestId", "key-CANARYKEY"),
    ],
)
def test_identifiers_must_look_like_one(key: str, value: object) -> None:
    """A code in the wrong field does not slip through."""
    assert redacted({key: value}, ["CANARYKEY"]) == {key: "[redacted]"}


@UNTIMED
@given(JSON)
def test_whatever_is_kept_fits_a_jsonb(body: object) -> None:
    """No NUL, no lone surrogate, no infinity: the row that records a purchase can be written."""
    text = json.dumps(redacted(body), allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in text
    text.encode()


@UNTIMED
@given(st.text(), st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-", min_size=1))
def test_lpa_strings_never_survive_a_text(noise: str, matching_id: str) -> None:
    """Wherever an LPA string stands in a message, it goes."""
    kept = redacted({"message": f"{noise} LPA:1$smdp.canary.example${matching_id}"})
    assert "canary" not in json.dumps(kept)


def test_size_is_bounded() -> None:
    """A huge error page keeps a small record, however its fields are spelt."""
    body = {"errors": [{"message": "word " * 1000}] * 1000}
    assert len(json.dumps(redacted(body))) < 10_000
    spelt = {f"message{'_' * number}": "word " * 100 for number in range(1000)}
    assert len(json.dumps(redacted(spelt))) < 20_000


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("word " * 239 + "LPA:1$smdp.example.com$CANARY", ""),
        ("word " * 239 + "xx Canary Customer", "canary customer"),
    ],
)
def test_a_secret_that_the_cut_divides_does_not_stay(text: str, secret: str) -> None:
    """Long texts are cut before they are searched: half a secret would not be known as one."""
    shrinking = "a@b " * 3 + "canary@example.com" * 40 + " "
    for padding in range(40):
        kept = masked(shrinking + "x" * padding + " " + text, [secret])
        assert "canary" not in kept.lower()
        assert "smdp" not in kept


WORST = ["a", "A", "A-", "_", "@", "a@", "1$", "LPA:", "1%24", "-", "9", " ", "\0", "é", "\ud800"]


@pytest.mark.parametrize("piece", WORST)
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    """Of 1 MiB of the worst text; 80,000 letters once held a worker up for 26 s.

    Eight times the text may take three times its share; one that backtracks takes 64 times.
    """

    def spent(size: int) -> float:
        some = piece * (size // 64 // len(piece))
        text = piece * (size // len(piece))
        body = {"message": text, "errors": [{"message": some}] * 64}
        started = process_time()
        redacted(body, ["canary customer"])
        without_codes(text)
        as_note(text)
        return process_time() - started

    assert spent(2**20) < 24 * spent(2**17) + 0.2
