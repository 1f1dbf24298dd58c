"""Every way in which a purchase can fail on the wire, and what it means for money."""

import json
import socket
from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest

from domain.errors import (
    CredentialsRefused,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.provider import ProvisionRequest
from providers.connected_you import ConnectedYou, ConnectedYouConfig
from providers.kit.http import MAX_REPLY_BYTES, MAX_RETRY_AFTER_SECONDS, MAYBE_SENT, NOTHING_SENT
from tests.partners.connected_you import API_KEY, MATCHING_ID, PARTNER_ID, PartnerServer
from tests.partners.scripted import (
    Answer,
    answering,
    close_without_a_word,
    cut_off,
    reset_after_reading,
)
from tests.providers.conftest import Build

# A quarter of it is for connecting, which a busy machine needs even on loopback.
IMPATIENT_SECONDS = 2

GOOD = {
    "data": {
        "orderReference": "order-42",
        "iccid": "8901120200045678901",
        "activationCode": "LPA:1$XYZ",
    }
}
TALKATIVE = {
    "code": "E42",
    "message": f"key {API_KEY} of Canary Customer <canary.user@example.com>: code {MATCHING_ID}"
    f" is LPA:1$smdp.example.com${MATCHING_ID} and 1$smdp.example.com${MATCHING_ID}",
    "activationCode": f"LPA:1$smdp.example.com${MATCHING_ID}",
    "unheard_of": MATCHING_ID,
}


def assert_clean(error: ProviderError) -> None:
    """No secret in anything that an error carries."""
    everything = f"{error!r} {error} {error.message} {json.dumps(error.reply)}"
    for secret in (MATCHING_ID, API_KEY, "canary.user", "Canary Customer", "smdp.example.com"):
        assert secret not in everything
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ProviderRefused),
        (401, CredentialsRefused),
        (402, ProviderRefused),
        (403, CredentialsRefused),
        (404, ProviderRefused),
        (405, ProviderRefused),
        (410, ProviderRefused),
        (413, ProviderRefused),
        (418, ProviderRefused),
        (422, ProviderRefused),
        (429, ProviderUnavailable),
        (503, ProviderUnavailable),
        (300, ProviderOutcomeUnknown),
        (304, ProviderOutcomeUnknown),
        (408, ProviderOutcomeUnknown),
        (409, ProviderOutcomeUnknown),
        (500, ProviderOutcomeUnknown),
        (501, ProviderOutcomeUnknown),
        (502, ProviderOutcomeUnknown),
        (504, ProviderOutcomeUnknown),
        (520, ProviderOutcomeUnknown),
        (599, ProviderOutcomeUnknown),
    ],
)
async def test_status_says_whether_it_may_be_booked(
    partner: PartnerServer,
    live: ConnectedYou,
    request_42: ProvisionRequest,
    status: int,
    expected: type[ProviderError],
) -> None:
    """Each status has its one meaning; a reply that talks too much is cleaned."""
    partner.answer = answering(status, TALKATIVE)
    with pytest.raises(expected) as raised:
        await live.provision(request_42)
    assert type(raised.value) is expected
    assert str(status) in raised.value.message
    assert_clean(raised.value)
    assert raised.value.reply is not None
    assert raised.value.reply["status"] == status


async def test_sold_out_plan_is_told_apart(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """A refusal that names stock as its reason says that more stock would help."""
    partner.answer = answering(422, {"error": {"code": "OUT_OF_STOCK", "message": "Sold out"}})
    with pytest.raises(ProviderOutOfStock) as raised:
        await live.provision(request_42)
    assert raised.value.reply == {
        "status": 422,
        "body": {"error": {"code": "OUT_OF_STOCK", "message": "Sold out"}},
    }


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "17"}, 17),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "9" * 5000}, MAX_RETRY_AFTER_SECONDS),
        (
            {
                "date": "Sat, 22 Nov 2025 10:00:00 GMT",
                "retry-after": "Sat, 22 Nov 2025 10:01:30 GMT",
            },
            90,
        ),
        (
            {
                "date": "Sat, 22 Nov 2025 10:00:00 GMT",
                "retry-after": "Sat, 22 Nov 2025 09:00:00 GMT",
            },
            0,
        ),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, MAX_RETRY_AFTER_SECONDS),
        ({"retry-after": "Sat, 22 Nov 2025 10:00:00 -0000"}, 0),
        ({"retry-after": "Sat, 99 Nov 2025 10:00:00 GMT"}, None),
    ],
)
async def test_retry_after_is_honoured_and_bounded(
    partner: PartnerServer,
    live: ConnectedYou,
    request_42: ProvisionRequest,
    headers: Mapping[str, str],
    wait: float | None,
) -> None:
    """Seconds and dates are read, by the reply's own clock; nonsense counts as no wish."""
    partner.answer = answering(429, {}, headers)
    with pytest.raises(ProviderUnavailable) as raised:
        await live.provision(request_42)
    assert raised.value.retry_after_seconds == wait


async def test_maintenance_window_is_honoured(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """A 503 may say how long it lasts, too."""
    partner.answer = answering(503, b"<html>Maintenance</html>", {"retry-after": "600"})
    with pytest.raises(ProviderUnavailable) as raised:
        await live.provision(request_42)
    assert raised.value.retry_after_seconds == 600


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reset_after_reading, id="reset after the request was read"),
        pytest.param(close_without_a_word, id="closed without a reply"),
        pytest.param(cut_off(b'{"data": {'), id="body cut off"),
        pytest.param(answering(200, b'{"data": '), id="malformed JSON"),
        pytest.param(answering(200, b""), id="empty body"),
        pytest.param(answering(204, b""), id="no content"),
        pytest.param(answering(200, b"\xff\xfe\x00"), id="not text"),
        pytest.param(answering(200, b"[" * 100_000), id="nested too deeply"),
        pytest.param(answering(200, b"9" * 10_000), id="a number without end"),
        pytest.param(
            answering(200, b" " * MAX_REPLY_BYTES + json.dumps(GOOD).encode()), id="too long"
        ),
        pytest.param(
            answering(200, b"not gzip", {"content-encoding": "gzip"}), id="broken compression"
        ),
        pytest.param(answering(200, b"{}", {"content-length": "many"}), id="not HTTP"),
    ],
)
async def test_lost_reply_is_unknown(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest, answer: Answer
) -> None:
    """The partner has read the order; without a whole reply nobody knows what it did."""
    partner.answer = answer
    with pytest.raises(ProviderOutcomeUnknown) as raised:
        await live.provision(request_42)
    assert len(partner.requests) == 1
    assert_clean(raised.value)


async def test_reset_before_the_request_is_read_is_unknown(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """Once a connection stood, the request may have arrived."""
    partner.read_requests = False
    with pytest.raises(ProviderOutcomeUnknown) as raised:
        await live.provision(request_42)
    assert_clean(raised.value)


async def test_timeout_after_the_send_is_unknown(
    partner: PartnerServer, build: Build, request_42: ProvisionRequest
) -> None:
    """A partner that books and then hangs has sold us something."""
    partner.answer = partner.book_then_hang
    with pytest.raises(ProviderOutcomeUnknown) as raised:
        await build(timeout_seconds=IMPATIENT_SECONDS).provision(request_42)
    assert list(partner.orders) == ["order-42"]
    assert_clean(raised.value)


async def test_slow_drip_ends_with_the_budget(
    partner: PartnerServer, build: Build, request_42: ProvisionRequest
) -> None:
    """The time limit covers the whole exchange, not each read."""
    partner.answer = partner.drip
    with pytest.raises(ProviderOutcomeUnknown):
        await build(timeout_seconds=IMPATIENT_SECONDS).provision(request_42)
    assert not partner.dripped_to_the_end


async def test_refused_connection_means_nothing_was_sent(
    build: Build, request_42: ProvisionRequest
) -> None:
    """Nobody listens, so nothing can be booked."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, never listening
        base_url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ProviderUnavailable) as raised:
            await build(base_url=base_url).provision(request_42)
    assert_clean(raised.value)


async def test_redirect_is_not_followed(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """Neither the order nor the API key goes to a host that a reply names."""
    elsewhere = f"{partner.base_url}/elsewhere"
    partner.answer = answering(307, {}, {"location": elsewhere})
    with pytest.raises(ProviderOutcomeUnknown):
        await live.provision(request_42)
    assert len(partner.requests) == 1


async def test_long_refusal_is_still_a_refusal(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """The status decides, even if the error page is too long to read."""
    partner.answer = answering(422, b"x" * (MAX_REPLY_BYTES + 1))
    with pytest.raises(ProviderRefused) as raised:
        await live.provision(request_42)
    assert raised.value.reply == {"status": 422, "body": None}


async def test_environment_proxies_are_ignored(
    partner: PartnerServer,
    build: Build,
    request_42: ProvisionRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy variable cannot send orders and keys elsewhere."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    await build().provision(request_42)
    assert len(partner.requests) == 1


async def test_plan_without_a_code_is_refused_before_the_send(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """We cannot order what we have no name for; the sentence says where it belongs."""
    with pytest.raises(ProviderRefused, match="plan_codes"):
        await live.provision(replace(request_42, plan_code=None))
    assert partner.requests == []


def failing(error: Exception) -> httpx.MockTransport:
    """A network on which this happens."""

    def fail(request: httpx.Request) -> httpx.Response:  # noqa: ARG001
        raise error

    return httpx.MockTransport(fail)


@pytest.mark.parametrize(
    ("error_type", "expected"),
    [(error, ProviderUnavailable) for error in sorted(NOTHING_SENT, key=str)]
    + [(error, ProviderOutcomeUnknown) for error in sorted(MAYBE_SENT, key=str)]
    + [(RuntimeError, ProviderOutcomeUnknown), (OSError, ProviderOutcomeUnknown)],
)
async def test_each_network_failure_has_its_meaning(
    request_42: ProvisionRequest, error_type: type[Exception], expected: type[ProviderError]
) -> None:
    """What a real server cannot be made to do: every failure class, a stranger included."""
    config = ConnectedYouConfig("http://127.0.0.1:1", PARTNER_ID, API_KEY, dry_run=False)
    adapter = ConnectedYou(config, transport=failing(error_type(MATCHING_ID)))
    with pytest.raises(expected) as raised:
        await adapter.provision(request_42)
    assert_clean(raised.value)
    await adapter.aclose()
