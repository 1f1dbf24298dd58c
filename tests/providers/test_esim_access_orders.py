"""The orders of eSIM Access: what is sent, and what each answer means for money."""

import asyncio
import logging
from dataclasses import replace

import pytest
import structlog

from domain.errors import (
    CredentialsRefused,
    Misconfigured,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderReplyUnusable,
    ProviderUnavailable,
)
from domain.provider import AcceptedOrder, ProvisionRequest
from domain.purchase import Ambiguity
from providers.esim_access import ESIM_ACCESS, EsimAccess, EsimAccessConfig
from tests.partners.esim_access import (
    ACCESS_CODE,
    ORDER_NO,
    OTHER,
    PROFILE,
    SECRETS,
    TALKATIVE,
    config_for,
    esim_access_at,
    failing,
    listing,
    succeeding,
)
from tests.partners.scripted import (
    Answer,
    Received,
    ScriptedServer,
    answering,
    close_without_a_word,
    cut_off,
    reset_after_reading,
)
from tests.providers.secrecy import assert_clean

REFUSED_CODES = [
    *("000101", "000102", "000103", "000104", "000105", "000106", "000107"),
    *("200005", "200006", "200007", "200008"),
    *("310201", "310211", "310221", "310231", "310241", "310243", "310251"),
]
UNKNOWN_CODES = ["000001", "200002", "200009", "200010", "310272", "310403", "999999", "", None]
TABLE: list[tuple[object, type[ProviderError]]] = [
    *[(code, ProviderRefused) for code in REFUSED_CODES],
    *[(code, CredentialsRefused) for code in ("101001", "101002", "101003")],
    *[(code, ProviderOutcomeUnknown) for code in UNKNOWN_CODES],
    ("200011", ProviderOutOfStock),
    ("900001", ProviderUnavailable),
    (200007, ProviderRefused),
    (TALKATIVE, ProviderOutcomeUnknown),
    ({"code": "200007"}, ProviderOutcomeUnknown),
]


async def test_order_is_the_contract_to_the_letter(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """One POST with the access code in its header; no customer anywhere."""
    partner.answer = succeeding({"orderNo": ORDER_NO})
    async with esim_access_at(partner) as provider:
        await provider.provision(request_42)
        described = provider.describe_request(request_42)
    (received,) = partner.requests
    assert (received.method, received.path) == ("POST", "/open/esim/order")
    assert received.headers["rt-accesscode"] == ACCESS_CODE
    assert received.headers["content-type"] == "application/json"
    assert (
        received.json
        == described
        == {
            "transactionId": "order-42",
            "packageInfoList": [{"packageCode": "ES-5GB", "count": 1}],
        }
    )


@pytest.mark.parametrize("success", [True, "true"])
async def test_order_is_accepted(
    partner: ScriptedServer, request_42: ProvisionRequest, success: object
) -> None:
    """It gets a name; the profile comes later. The reference shows both kinds of success."""
    partner.answer = succeeding({"orderNo": ORDER_NO}, success)
    async with esim_access_at(partner) as provider:
        accepted = await provider.provision(request_42)
    assert isinstance(accepted, AcceptedOrder)
    assert accepted.provider_order_id == ORDER_NO
    assert accepted.reply["status"] == 200
    assert f"'orderNo': '{ORDER_NO[:7]}…'" in str(accepted.reply)  # not what we sent


async def test_plan_without_a_code_is_refused_before_the_send(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """We cannot order what we have no name for; the sentence says where it belongs."""
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderRefused, match="plan_codes"):
            await provider.provision(replace(request_42, plan_code=None))
    assert partner.requests == []


async def test_reference_that_is_too_long_is_refused_before_the_send(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """A reference that they might cut could not be looked up."""
    partner.answer = succeeding({"orderNo": ORDER_NO})
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderRefused, match="50 characters"):
            await provider.provision(replace(request_42, reference="x" * 51))
        await provider.provision(replace(request_42, reference="x" * 50))
    assert len(partner.requests) == 1


@pytest.mark.parametrize(("code", "expected"), TABLE)
async def test_error_code_says_whether_it_may_be_booked(
    partner: ScriptedServer,
    request_42: ProvisionRequest,
    code: object,
    expected: type[ProviderError],
) -> None:
    """Each code has its one meaning; one that we do not know settles nothing."""
    partner.answer = failing(code)
    async with esim_access_at(partner) as provider:
        with pytest.raises(expected) as raised:
            await provider.provision(request_42)
    assert type(raised.value) is expected
    assert_clean(raised.value, *SECRETS)
    assert raised.value.reply is not None


@pytest.mark.parametrize(("code", "expected"), TABLE)
async def test_error_code_of_a_question_never_means_booked(
    partner: ScriptedServer, code: object, expected: type[ProviderError]
) -> None:
    """Where nothing can be booked, "unknown" is "not now"."""
    partner.answer = failing(code)
    wanted = ProviderUnavailable if expected is ProviderOutcomeUnknown else expected
    async with esim_access_at(partner) as provider:
        with pytest.raises(wanted) as raised:
            await provider.balance()
    assert type(raised.value) is wanted
    assert_clean(raised.value, *SECRETS)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "200011", ProviderOutOfStock),
        (400, "999999", ProviderRefused),
        (401, "101003", CredentialsRefused),
        (403, None, CredentialsRefused),
        (422, "900001", ProviderUnavailable),
        (408, "999999", ProviderOutcomeUnknown),
        (409, None, ProviderOutcomeUnknown),
        (302, "200011", ProviderOutcomeUnknown),
        (429, "900001", ProviderUnavailable),
        (500, "200011", ProviderOutcomeUnknown),
        (503, None, ProviderUnavailable),
        (504, None, ProviderOutcomeUnknown),
    ],
)
async def test_http_status_counts_as_at_every_provider(
    partner: ScriptedServer,
    request_42: ProvisionRequest,
    status: int,
    code: object,
    expected: type[ProviderError],
) -> None:
    """Not documented here, but a gateway may speak; a code that we know says more than a 4xx."""
    partner.answer = failing(code, status)
    async with esim_access_at(partner) as provider:
        with pytest.raises(expected) as raised:
            await provider.provision(request_42)
    assert type(raised.value) is expected
    assert_clean(raised.value, *SECRETS)


@pytest.mark.parametrize(
    "answer",
    [
        answering(200, []),
        answering(200, None),
        answering(200, {}),
        answering(200, {"success": None, "obj": {"orderNo": ORDER_NO}}),
        answering(200, {"success": 1, "obj": {"orderNo": ORDER_NO}}),
        succeeding(None),
        succeeding({}),
        succeeding({"orderNo": None}),
        succeeding({"orderNo": 22102706381924}),
        succeeding({"orderNo": "LPA:1$host$CODE"}),
        succeeding([{"orderNo": ORDER_NO}]),
        answering(200, TALKATIVE.encode()),
        cut_off(TALKATIVE.encode()),
    ],
)
async def test_reply_without_an_order_is_unusable(
    partner: ScriptedServer, request_42: ProvisionRequest, answer: Answer
) -> None:
    """It was taken on, most likely, and has no name to ask for: a person looks."""
    partner.answer = answer
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderReplyUnusable) as raised:
            await provider.provision(request_42)
    assert raised.value.raw
    assert_clean(raised.value, *SECRETS)


@pytest.mark.parametrize("answer", [reset_after_reading, close_without_a_word])
async def test_lost_reply_is_unknown(
    partner: ScriptedServer, request_42: ProvisionRequest, answer: Answer
) -> None:
    """They have read the order; without a reply nobody knows what they did."""
    partner.answer = answer
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderOutcomeUnknown):
            await provider.provision(request_42)
        with pytest.raises(ProviderUnavailable):
            await provider.advance(request_42)


async def test_nothing_secret_reaches_the_logs(
    partner: ScriptedServer, request_42: ProvisionRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """With every library at its most talkative, no code, key or customer is logged."""
    caplog.set_level(logging.DEBUG, "httpcore")  # whatever another test has quietened
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as logs:
        async with esim_access_at(partner) as provider:
            partner.answer = succeeding({"orderNo": ORDER_NO})
            await provider.provision(request_42)
            partner.answer = listing(PROFILE)
            await provider.advance(request_42)
    everything = caplog.text + repr(logs)
    assert "httpcore" in everything
    for secret in (*SECRETS, "canary.user", "Canary Customer"):
        assert secret not in everything


async def test_closed_adapter_sends_nothing(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """After aclose a purchase is refused before it is sent."""
    async with esim_access_at(partner) as provider:
        await provider.aclose()
        with pytest.raises(ProviderUnavailable):
            await provider.provision(request_42)
    assert partner.requests == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"access_code": ""}, "ESIM_ACCESS_ACCESS_CODE"),
        ({"access_code": "canary code"}, "ESIM_ACCESS_ACCESS_CODE"),
        ({"access_code": "canary\n"}, "ESIM_ACCESS_ACCESS_CODE"),
        ({"base_url": "http://api.esimaccess.com/canary"}, "ESIM_ACCESS_BASE_URL"),
    ],
)
def test_wrong_setting_is_named_and_not_quoted(changes: dict[str, object], named: str) -> None:
    """The process does not start, and the sentence says which variable to mend."""
    with pytest.raises(Misconfigured, match=named) as raised:
        ESIM_ACCESS.build(replace(EsimAccessConfig(access_code="code"), **changes))  # type: ignore[arg-type]
    assert "canary" not in str(raised.value)


async def test_defaults_are_careful(partner: ScriptedServer) -> None:
    """What is unknown is sent again, or found after longer than an allocation; no secret shows."""
    config = config_for(partner)
    provider = EsimAccess(config)
    assert provider.traits.ambiguity is Ambiguity.IDEMPOTENT
    assert provider.traits.finds
    assert provider.traits.settle_gap_seconds == 120
    assert provider.traits.limits.rate_per_second == 8
    assert provider.traits.returnable
    assert not provider.traits.enables
    assert not provider.traits.resellable
    assert ACCESS_CODE not in repr(config)
    await provider.aclose()


def known(query: Answer, status: int = 200) -> Answer:
    """Say that the transactionId exists, and answer questions so."""

    async def dispatch(received: Received, writer: asyncio.StreamWriter) -> None:
        is_order = received.path.endswith("/order")
        await (failing("310402", status) if is_order else query)(received, writer)

    return dispatch


async def test_a_known_transaction_id_is_the_order_that_it_made(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """An earlier send has arrived: it is found in the list, and nothing is bought again."""
    partner.answer = known(listing(OTHER, PROFILE))
    async with esim_access_at(partner) as provider:
        accepted = await provider.provision(request_42)
    assert isinstance(accepted, AcceptedOrder)
    assert accepted.provider_order_id == ORDER_NO
    assert [each.path for each in partner.requests] == ["/open/esim/order", "/open/esim/query"]


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    "query", [listing(), listing(OTHER), failing("900001"), failing("101003"), answering(500, {})]
)
async def test_a_known_transaction_id_that_is_not_listed_is_booked_all_the_same(
    partner: ScriptedServer, request_42: ProvisionRequest, query: Answer, status: int
) -> None:
    """Neither refused nor absent, whatever becomes of the question: it is asked later."""
    partner.answer = known(query, status)
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderOutcomeUnknown) as raised:
            await provider.provision(request_42)
    assert type(raised.value) is ProviderOutcomeUnknown
    assert_clean(raised.value, *SECRETS)
