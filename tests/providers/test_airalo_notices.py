"""Airalo's notifications: signed or refused, and no code leaves the reader."""

import hashlib
import hmac
import json

import pytest
from airalo.helpers.signature import Signature  # type: ignore[import-untyped]

from domain.errors import NoticeRefused
from domain.notice import Notice, NoticeKind
from providers.airalo import AIRALO, AiraloConfig, AiraloNotices
from tests.partners.airalo import CLIENT_SECRET, MATCHING_ID, ORDER

REQUEST_ID = "3NhR3gKmqCWK7IWppurpDX3Cg"
DELIVERED = json.dumps({**ORDER, "request_id": REQUEST_ID}).encode()
FAILED = json.dumps(
    {
        "request_id": REQUEST_ID,
        "description": "order-42",
        "reason": f"No stock of {MATCHING_ID}, {CLIENT_SECRET}, LPA:1$lpa.airalo.com${MATCHING_ID}",
    }
).encode()


@pytest.fixture
def reader() -> AiraloNotices:
    """The reader of a deployment."""
    config = AiraloConfig(client_id="client-1", client_secret=CLIENT_SECRET)
    assert AIRALO.notices is not None
    reader = AIRALO.notices(config)
    assert isinstance(reader, AiraloNotices)
    return reader


def signed(body: bytes, secret: str = CLIENT_SECRET) -> dict[str, str]:
    """The headers that go with a body."""
    return {"airalo-signature": hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()}


def read(reader: AiraloNotices, body: bytes) -> Notice:
    """The one notice in a signed body."""
    receipt = reader.read(signed(body), body)
    assert receipt.status == 200
    (notice,) = receipt.notices
    return notice


def test_delivered_order_is_ready(reader: AiraloNotices) -> None:
    """It names the order by our reference and by Airalo's, and nothing of the eSIM."""
    notice = read(reader, DELIVERED)
    assert notice == Notice(
        event_id=notice.event_id,
        kind=NoticeKind.ORDER_READY,
        trusted=True,
        reference="order-42",
        provider_order_id=REQUEST_ID,
    )
    assert MATCHING_ID not in repr(notice)


@pytest.mark.parametrize(
    "body",
    [
        {"data": {**ORDER, "request_id": REQUEST_ID}, "meta": {"message": "success"}},
        {"data": ORDER, "request_id": REQUEST_ID},
    ],
)
def test_wrapped_order_is_read_as_well(reader: AiraloNotices, body: dict[str, object]) -> None:
    """As the reply to an order has it, below `data`."""
    notice = read(reader, json.dumps(body).encode())
    assert notice.kind is NoticeKind.ORDER_READY
    assert (notice.reference, notice.provider_order_id) == ("order-42", REQUEST_ID)


def test_failed_order_tells_why(reader: AiraloNotices) -> None:
    """A reason without eSIMs is final; what looks like a code in it is masked."""
    notice = read(reader, FAILED)
    assert (notice.kind, notice.trusted) == (NoticeKind.ORDER_FAILED, True)
    assert (notice.reference, notice.provider_order_id) == ("order-42", REQUEST_ID)
    assert notice.reason is not None
    assert notice.reason.startswith("No stock of [redacted]")
    assert "canary" not in notice.reason.lower()


def test_order_with_esims_and_a_reason_is_ready(reader: AiraloNotices) -> None:
    """Something was sold, whatever else is said: the look-up tells."""
    body = json.dumps({**ORDER, "reason": "late"}).encode()
    notice = read(reader, body)
    assert (notice.kind, notice.reason) == (NoticeKind.ORDER_READY, None)


@pytest.mark.parametrize(
    ("body", "iccid"),
    [
        ({"level": "90%", "iccid": "87123123456889019"}, None),
        ({"level": "90%", "iccid": "891000000000009125"}, "891000000000009125"),
        ({"message": "Surpassed 80% of the credit limit balance", "remaining": 225.35}, None),
        ({"reason": 7}, None),
        ({}, None),
    ],
)
def test_anything_else_is_other(
    reader: AiraloNotices, body: dict[str, object], iccid: str | None
) -> None:
    """Low data, credit limit, whatever comes: acknowledged, not acted upon."""
    notice = read(reader, json.dumps(body).encode())
    assert (notice.kind, notice.iccid, notice.reason) == (NoticeKind.OTHER, iccid, None)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("description", f"LPA:1$lpa.airalo.com${MATCHING_ID}"),
        ("description", 7),
        ("description", None),
        ("request_id", ["x"]),
        ("request_id", "x" * 65),
        ("request_id", "two words"),
    ],
)
def test_name_that_is_none_is_dropped(reader: AiraloNotices, key: str, value: object) -> None:
    """Only what is like a name leaves the reader as one."""
    body = {**ORDER, "request_id": REQUEST_ID, key: value}
    notice = read(reader, json.dumps(body).encode())
    assert notice.kind is NoticeKind.ORDER_READY
    assert (notice.reference if key == "description" else notice.provider_order_id) is None


def test_repetition_has_the_same_event_id(reader: AiraloNotices) -> None:
    """Airalo repeats a notification up to 20 times; another body is another event."""
    assert read(reader, DELIVERED).event_id == read(reader, DELIVERED).event_id
    assert read(reader, DELIVERED).event_id != read(reader, FAILED).event_id


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"airalo-signature": ""},
        {"airalo-signature": "0" * 128},
        {"airalo-signature": "höher"},
        {"airalo-signature": "\udcff"},
        {"x-airalo-signature": signed(DELIVERED)["airalo-signature"]},
        signed(DELIVERED, "another-secret"),
        signed(FAILED),
        signed(DELIVERED + b" "),
        {"airalo-signature": signed(DELIVERED)["airalo-signature"][:-1]},
    ],
)
def test_unsigned_or_forged_is_refused(reader: AiraloNotices, headers: dict[str, str]) -> None:
    """No signature, a wrong one or another body's: nothing is read, nothing is quoted."""
    with pytest.raises(NoticeRefused) as raised:
        reader.read(headers, DELIVERED)
    assert "canary" not in str(raised.value).lower()


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b"\xff\xfe", b"[" * 100_000])
def test_signed_nonsense_is_refused(reader: AiraloNotices, body: bytes) -> None:
    """What is no JSON object is no notification."""
    with pytest.raises(NoticeRefused):
        reader.read(signed(body), body)


def test_signature_may_be_in_capitals(reader: AiraloNotices) -> None:
    """Hex is hex."""
    headers = {"airalo-signature": f" {signed(DELIVERED)['airalo-signature'].upper()} "}
    assert reader.read(headers, DELIVERED).notices


# An independent text of the form, as the SDKs document it; the hash is PHP's own.
PHP_FORM = (
    rb'{"data":{"description":"order-42","price":4.5,"url":"https:\/\/qr.example\/1"'
    rb',"package":"Espa\u00f1a","sims":[{"iccid":"891000000000009125"}]}}'
)
AS_PUSHED = json.dumps(json.loads(PHP_FORM), indent=2, ensure_ascii=False).encode()
FORMS = {
    "as pushed": AS_PUSHED,
    "PHP": PHP_FORM,
    "Python, from fields": PHP_FORM.replace(rb"\u00f1", "ñ".encode()),
    "Python, from a text": PHP_FORM.replace(rb"\u00f1", "ñ".encode()).replace(rb"\/", b"/"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_signature_counts_in_each_form_that_its_sender_may_have_signed(
    reader: AiraloNotices, form: bytes
) -> None:
    """The page hashes the body as pushed, the SDKs what it says; either way it is one event."""
    receipt = reader.read(signed(form), AS_PUSHED)
    assert receipt.notices[0].kind is NoticeKind.ORDER_READY
    assert receipt.notices[0].event_id == hashlib.sha256(PHP_FORM).hexdigest()
    for other in (AS_PUSHED.replace(b"order-42", b"order-43"), AS_PUSHED.replace(b"4.5", b"4.6")):
        with pytest.raises(NoticeRefused):
            reader.read(signed(form), other)


@pytest.mark.parametrize(
    "given", [json.loads(AS_PUSHED), AS_PUSHED.decode()], ids=["fields", "text"]
)
def test_official_client_signs_the_same(reader: AiraloNotices, given: object) -> None:
    """PyPI `airalo-sdk` is an independent witness; its text form loses the escaped slashes."""
    signature = Signature(CLIENT_SECRET).get_signature(given)
    assert reader.read({"airalo-signature": str(signature)}, AS_PUSHED).notices
