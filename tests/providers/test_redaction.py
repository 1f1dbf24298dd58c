"""What is kept of a foreign reply: enough for ops, never a secret, always storable."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.kit.redaction import redacted

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
    assert redacted(body) == body


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
    """A huge error page keeps a small record."""
    body = {"errors": [{"message": "word " * 1000}] * 1000}
    assert len(json.dumps(redacted(body))) < 10_000
