"""HandleDownloadProgressInfo: which notifications are believed, and what they say."""

import json
from pathlib import Path

import pytest

from domain.errors import NoticeRefused
from domain.notice import Notice, NoticeKind
from domain.provider import Bought, ProvisionRequest
from providers import build_notice_readers
from providers.es2plus import Es2Plus, Es2PlusConfig, Es2PlusNotices
from sandbox.running import running_sandbox
from tests.partners.es2plus import ICCID, WIRE_ICCID, config_in
from tests.sandbox.listener import Listener

PROXY_SECRET = "canary-proxy-secret"
HEADERS = {"x-client-verified": PROXY_SECRET}
GUARDED = Es2PlusConfig(
    base_url="https://smdp.example.com",
    notification_header="X-Client-Verified",
    notification_secret=PROXY_SECRET,
)
READER = Es2PlusNotices(GUARDED)


def body(**changes: object) -> bytes:
    """A notification as SGP.22 section 5.3.5 has it; None leaves a field out."""
    message = {
        "header": {
            "functionRequesterIdentifier": "smdp-1",
            "functionCallIdentifier": "2d8a-77",
        },
        "eid": "89049032000000000000000000000016",
        "iccid": WIRE_ICCID,
        "profileType": "ES-5GB",
        "timestamp": "2025-11-22T10:00:00Z",
        "notificationPointId": 3,
        "notificationPointStatus": {"status": "Executed-Success"},
        **changes,
    }
    return json.dumps({key: value for key, value in message.items() if value is not None}).encode()


def notice(content: bytes, reader: Es2PlusNotices = READER) -> Notice:
    """The one notice that a notification is read as."""
    (read,) = reader.read(HEADERS, content).notices
    return read


def test_download_is_noticed_and_answered_without_content() -> None:
    """ICCID without padding, trusted, and HTTP 204 as ES2+ wants it."""
    receipt = READER.read(HEADERS, body())
    assert receipt.status == 204
    assert receipt.notices == (
        Notice(
            event_id=f"2d8a-77/{ICCID}/3/done",
            kind=NoticeKind.DOWNLOADED,
            trusted=True,
            provider_order_id=ICCID,
            iccid=ICCID,
        ),
    )


@pytest.mark.parametrize(
    ("point", "kind"),
    [
        (1, NoticeKind.OTHER),
        (2, NoticeKind.OTHER),
        (3, NoticeKind.DOWNLOADED),
        (4, NoticeKind.INSTALLED),
        (5, NoticeKind.OTHER),
        (101, NoticeKind.OTHER),
        (-1, NoticeKind.OTHER),
        ("3", NoticeKind.DOWNLOADED),
        ("4", NoticeKind.INSTALLED),
        ("2", NoticeKind.OTHER),
        (" 3", NoticeKind.OTHER),
        ("3.0", NoticeKind.OTHER),
        ("٣", NoticeKind.OTHER),
        (3.0, NoticeKind.OTHER),
        (True, NoticeKind.OTHER),
        ([3], NoticeKind.OTHER),
        (None, NoticeKind.OTHER),
    ],
)
def test_point_says_how_far_the_device_has_come(point: object, kind: NoticeKind) -> None:
    """Only the points that we are sure of mean anything."""
    assert notice(body(notificationPointId=point)).kind is kind


@pytest.mark.parametrize("point", [1, 2, 3, 4])
def test_point_reached_in_vain_changes_nothing(point: int) -> None:
    """A failed download leaves the profile where it was; the codes are kept for ops."""
    codes = {"subjectCode": "8.10", "reasonCode": "4.2", "message": "LPA:1$smdp.example$CANARY"}
    status = {"status": "Failed", "statusCodeData": codes}
    read = notice(body(notificationPointId=point, notificationPointStatus=status))
    assert (read.kind, read.reason) == (NoticeKind.OTHER, "8.10/4.2")
    assert "CANARY" not in repr(read)


def test_warning_is_a_success() -> None:
    """Executed-WithWarning was executed."""
    status = {"status": "Executed-WithWarning"}
    assert notice(body(notificationPointStatus=status)).kind is NoticeKind.DOWNLOADED


def test_point_that_expired_changes_nothing() -> None:
    """A status of SGP.22 like the others: the reason is kept, and it is answered as any other."""
    expired = body(notificationPointStatus={"status": "Expired"})
    read = notice(expired)
    assert (read.kind, read.reason) == (NoticeKind.OTHER, "expired")
    assert READER.read(HEADERS, expired).status == 204


def test_point_as_a_string_is_the_same_event() -> None:
    """GSMA's own example has a string, and its schema an integer."""
    assert notice(body(notificationPointId="3")) == notice(body(notificationPointId=3))


def test_repetition_has_the_same_event_id_and_nothing_else_has() -> None:
    """Another profile, point, end or call is another event, even with one name for all calls."""
    failure = {"status": "Failed"}
    same = notice(body()).event_id
    assert notice(body(timestamp="2025-11-22T10:05:00Z")).event_id == same
    others = [
        body(iccid="8921012345678901249F"),
        body(notificationPointId=4),
        body(notificationPointStatus=failure),
        body(header={"functionCallIdentifier": "2d8a-78"}),
    ]
    assert len({same, *(notice(other).event_id for other in others)}) == 5


@pytest.mark.parametrize(
    "header", [None, [], {}, {"functionCallIdentifier": 7}, {"functionCallIdentifier": "a b\n"}]
)
def test_notification_without_a_name_is_known_by_its_content(header: object) -> None:
    """The digest of the body: the same for the same bytes."""
    content = body(header=header)
    assert notice(content).event_id == notice(content).event_id
    assert len(notice(content).event_id) == 64
    assert notice(content).event_id != notice(body(header=header, timestamp="later")).event_id


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-client-verified": ""},
        {"x-client-verified": "SUCCESS"},
        {"x-client-verified": PROXY_SECRET.upper()},
        {"x-client-verified": f"{PROXY_SECRET}x"},
        {"x-client-verified": "é"},
        {"x-other": PROXY_SECRET},
    ],
)
def test_notification_that_the_proxy_does_not_vouch_for_is_refused(
    headers: dict[str, str],
) -> None:
    """Neither a missing header nor a guess lets anybody in."""
    with pytest.raises(NoticeRefused) as raised:
        READER.read(headers, body())
    assert "canary" not in str(raised.value).lower()


def test_without_a_secret_nothing_is_trusted() -> None:
    """A notice of unknown origin only ever makes us look."""
    read = notice(body(), Es2PlusNotices(Es2PlusConfig(base_url="https://smdp.example.com")))
    assert (read.trusted, read.kind) == (False, NoticeKind.DOWNLOADED)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"CANARY",
        b"[]",
        b"null",
        b"[" * 100_000,
        b"\xff\xfe",
        b"{}",
        body(iccid=None),
        body(iccid=8921012345678901236),
        body(iccid="CANARY"),
        body(iccid=[ICCID]),
        body(notificationPointStatus=None),
        body(notificationPointStatus="Executed-Success"),
        body(notificationPointStatus={"status": "CANARY"}),
        body(notificationPointStatus={"status": ["Failed"]}),
    ],
)
def test_what_is_no_notification_is_refused_without_a_quote(content: bytes) -> None:
    """The sentence names the provider and nothing of the body."""
    with pytest.raises(NoticeRefused) as raised:
        READER.read(HEADERS, content)
    assert "CANARY" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_reader_is_there_without_the_secrets_of_the_adapter() -> None:
    """The API can read notifications and cannot work out a code."""
    readers = build_notice_readers({"ES2PLUS": GUARDED})
    assert readers["ES2PLUS"].name == "ES2PLUS"
    assert GUARDED.matching_id_secret == ""


def test_secret_does_not_show() -> None:
    """Neither the configuration nor the reader's name for itself holds it."""
    assert PROXY_SECRET not in f"{GUARDED!r} {READER!r}"


async def test_notifications_of_the_sandbox_are_read(
    tmp_path: Path, request_42: ProvisionRequest
) -> None:
    """A downloaded and installed profile, told by an SM-DP+ that is not ours."""
    async with running_sandbox(tmp_path) as sandbox, Listener() as listener:
        sandbox.webhook_url["ES2PLUS"] = listener.url
        adapter = Es2Plus(config_in(sandbox))
        accepted = await adapter.provision(request_42)
        iccid = accepted.provider_order_id
        await adapter.advance(
            ProvisionRequest(42, "order-42", "ES-5GB", "Spain 5GB", provider_order_id=iccid)
        )
        await adapter.enable(Bought("order-42", iccid, iccid))
        sandbox.download(iccid)
        await sandbox.wait_for_webhooks()
        read = [notice(received.body) for received in listener.heard]
        await adapter.aclose()
    assert {each.kind: each.iccid for each in read} == {
        NoticeKind.DOWNLOADED: iccid,
        NoticeKind.INSTALLED: iccid,
    }
    assert len({each.event_id for each in read}) == 2
