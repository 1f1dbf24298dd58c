"""Notifications of eSIM Access: nothing signs them, so they only ever make us look."""

import hashlib
import json

import pytest

from domain.errors import NoticeRefused
from domain.notice import Notice, NoticeKind
from providers.esim_access import ESIM_ACCESS, EsimAccessConfig, EsimAccessNotices
from tests.partners.esim_access import ACCESS_CODE, MATCHING_ID

NOTIFY_ID = "5fcc219e32dc484598d3fd700cf3738d"
CONTENT: dict[str, object] = {
    "orderNo": "B25091113270004",
    "transactionId": "order-42",
    "iccid": "8997250230000292199",
    "orderStatus": "GOT_RESOURCE",
    "esimStatus": "GOT_RESOURCE",
    "smdpStatus": "DOWNLOAD",
}


@pytest.fixture
def reader() -> EsimAccessNotices:
    """The reader of a deployment."""
    assert ESIM_ACCESS.notices is not None
    reader = ESIM_ACCESS.notices(EsimAccessConfig(access_code=ACCESS_CODE))
    assert isinstance(reader, EsimAccessNotices)
    return reader


def body_of(kind: object, notify_id: object = NOTIFY_ID, **changes: object) -> bytes:
    """A notification's body."""
    body = {"notifyType": kind, "notifyId": notify_id, "content": {**CONTENT, **changes}}
    return json.dumps(body).encode()


def read(reader: EsimAccessNotices, body: bytes) -> Notice:
    """The one notice in a body."""
    receipt = reader.read({}, body)
    assert receipt.status == 200
    (notice,) = receipt.notices
    return notice


def test_ready_order_is_named(reader: EsimAccessNotices) -> None:
    """By our reference and by theirs; and nobody has signed it."""
    assert read(reader, body_of("ORDER_STATUS")) == Notice(
        event_id=NOTIFY_ID,
        kind=NoticeKind.ORDER_READY,
        trusted=False,
        reference="order-42",
        provider_order_id="B25091113270004",
        iccid="8997250230000292199",
    )


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        ("CHECK_HEALTH", {"orderStatus": "Test"}, NoticeKind.OTHER),
        ("ORDER_STATUS", {"orderStatus": "FAILED"}, NoticeKind.ORDER_READY),
        ("ORDER_STATUS", {"orderStatus": None}, NoticeKind.ORDER_READY),
        ("SMDP_EVENT", {"smdpStatus": "DOWNLOAD"}, NoticeKind.DOWNLOADED),
        ("SMDP_EVENT", {"smdpStatus": "INSTALLATION"}, NoticeKind.INSTALLED),
        ("SMDP_EVENT", {"smdpStatus": "ENABLED"}, NoticeKind.OTHER),
        ("SMDP_EVENT", {"smdpStatus": ["DOWNLOAD"]}, NoticeKind.OTHER),
        ("ESIM_STATUS", {"esimStatus": "IN_USE"}, NoticeKind.OTHER),
        ("ESIM_STATUS", {"esimStatus": "CANCEL"}, NoticeKind.OTHER),
        ("DATA_USAGE", {}, NoticeKind.OTHER),
        ("VALIDITY_USAGE", {}, NoticeKind.OTHER),
        ("SOMETHING_NEW", {}, NoticeKind.OTHER),
    ],
)
def test_each_kind_has_its_meaning(
    reader: EsimAccessNotices, kind: str, changes: dict[str, object], expected: NoticeKind
) -> None:
    """None of them is trusted, and none says that an order has failed."""
    notice = read(reader, body_of(kind, **changes))
    assert (notice.kind, notice.trusted, notice.reason) == (expected, False, None)


@pytest.mark.parametrize("notify_id", [None, "", 7, "x", "x" * 65, f"LPA:1$host${MATCHING_ID}"])
def test_event_without_an_id_has_its_digest(reader: EsimAccessNotices, notify_id: object) -> None:
    """The same body twice is one event, whatever they call it."""
    body = body_of("ORDER_STATUS", notify_id)
    digest = hashlib.sha256(body).hexdigest()
    assert [read(reader, body).event_id for _ in range(2)] == [digest, digest]


def test_repetition_has_the_same_event_id(reader: EsimAccessNotices) -> None:
    """Their id counts, even if the body differs by its time."""
    first, again = body_of("ORDER_STATUS"), body_of("ORDER_STATUS") + b"\n"
    assert read(reader, first).event_id == read(reader, again).event_id == NOTIFY_ID


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("transactionId", f"LPA:1$host${MATCHING_ID}"),
        ("transactionId", None),
        ("orderNo", 25091113270004),
        ("orderNo", "two words"),
        ("iccid", 8997250230000292199),
        ("iccid", MATCHING_ID),
    ],
)
def test_name_that_is_none_is_dropped(reader: EsimAccessNotices, key: str, value: object) -> None:
    """Only what is like a name leaves the reader as one; no code ever does."""
    body = body_of("ORDER_STATUS", ac=f"LPA:1$host${MATCHING_ID}", **{key: value})
    notice = read(reader, body)
    names = {
        "transactionId": notice.reference,
        "orderNo": notice.provider_order_id,
        "iccid": notice.iccid,
    }
    assert names[key] is None
    assert MATCHING_ID not in repr(notice)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{}",
        json.dumps({"notifyType": "ORDER_STATUS"}).encode(),
        json.dumps({"content": CONTENT}).encode(),
        json.dumps({"notifyType": 7, "content": CONTENT}).encode(),
        json.dumps({"notifyType": "ORDER_STATUS", "content": [MATCHING_ID]}).encode(),
    ],
)
def test_what_is_no_notification_is_refused(reader: EsimAccessNotices, body: bytes) -> None:
    """Nothing of it is quoted."""
    with pytest.raises(NoticeRefused) as raised:
        reader.read({}, body)
    assert MATCHING_ID not in str(raised.value)
