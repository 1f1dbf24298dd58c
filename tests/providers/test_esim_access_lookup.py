"""The queries of eSIM Access: collecting an order, finding a lost one."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import (
    CredentialsRefused,
    ProviderOrderFailed,
    ProviderRefused,
    ProviderReplyUnusable,
    ProviderUnavailable,
)
from domain.provider import AcceptedOrder, ProvisionedEsim, ProvisionRequest
from tests.partners.esim_access import (
    ICCID,
    MATCHING_ID,
    ORDER_NO,
    OTHER,
    OTHER_CODE,
    PROFILE,
    SECRETS,
    esim_access_at,
    failing,
    listing,
    succeeding,
)
from tests.partners.scripted import Answer, Received, ScriptedServer, answering, reset_after_reading
from tests.providers.secrecy import assert_clean


@pytest.fixture
def accepted(request_42: ProvisionRequest) -> ProvisionRequest:
    """The purchase for order 42 once eSIM Access has accepted it."""
    return replace(request_42, provider_order_id=ORDER_NO)


async def test_query_is_the_contract_to_the_letter(
    partner: ScriptedServer, accepted: ProvisionRequest
) -> None:
    """By their name of the order; the pager is mandatory."""
    partner.answer = listing(PROFILE)
    async with esim_access_at(partner) as provider:
        await provider.advance(accepted)
    (received,) = partner.requests
    assert (received.method, received.path) == ("POST", "/open/esim/query")
    assert received.json == {"orderNo": ORDER_NO, "pager": {"pageNum": 1, "pageSize": 20}}


def _json(received: Received) -> dict[str, Any]:
    return received.json


async def test_an_order_without_their_name_is_found_in_the_list_since_it_was_begun(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """No filter takes our reference: the list is read to its end, and only the name is taken."""
    page = [{**OTHER, "transactionId": f"order-{number}"} for number in range(200)]
    begun = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)

    async def two_pages(received: Received, writer: asyncio.StreamWriter) -> None:
        number = _json(received)["pager"]["pageNum"]
        listed = page[:42] + page[43:] if number == 1 else [PROFILE]
        pager = {"pageNum": number, "pageSize": 200, "total": 200}
        await succeeding({"esimList": listed, "pager": pager})(received, writer)

    partner.answer = two_pages
    async with esim_access_at(partner) as provider:
        found = await provider.advance(replace(request_42, since=begun))
    assert isinstance(found, AcceptedOrder)
    assert found.provider_order_id == ORDER_NO
    assert OTHER_CODE not in str(found.reply)
    assert MATCHING_ID not in str(found.reply)
    first, second = map(_json, partner.requests)
    assert first["startTime"] == second["startTime"] == "2026-03-01T11:00+00:00"
    assert datetime.fromisoformat(first["endTime"]) > datetime.now(UTC) + timedelta(hours=23)
    assert [each["pager"] for each in (first, second)] == [
        {"pageNum": number, "pageSize": 200} for number in (1, 2)
    ]
    assert set(first) == {"startTime", "endTime", "pager"}


@pytest.mark.parametrize("faulty", [{"orderNo": "B1"}, {"orderNo": None}])
async def test_several_orders_of_one_reference_are_a_persons_matter(
    partner: ScriptedServer, request_42: ProvisionRequest, faulty: dict[str, object]
) -> None:
    """They say that there is one; of the list only ours is kept."""
    partner.answer = listing(OTHER, PROFILE, {**PROFILE, **faulty})
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderReplyUnusable, match="our reference") as raised:
            await provider.advance(request_42)
    assert_clean(raised.value, *SECRETS, OTHER_CODE)
    assert OTHER_CODE not in str(raised.value.raw)


async def test_a_list_without_end_is_no_absence(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """After so many pages a person must look."""
    partner.answer = succeeding({"esimList": [OTHER] * 200})
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderRefused, match="too many"):
            await provider.advance(request_42)
    assert len(partner.requests) == 25


async def test_profile_is_read(partner: ScriptedServer, accepted: ProvisionRequest) -> None:
    """Every field arrives; nothing secret and no other order is kept."""
    partner.answer = listing(OTHER, PROFILE)
    async with esim_access_at(partner) as provider:
        esim = await provider.advance(accepted)
        assert isinstance(esim, ProvisionedEsim)
        assert esim.request == provider.describe_request(accepted)
    assert (esim.reference, esim.iccid) == ("order-42", ICCID)
    assert esim.activation_code == esim.qr_payload == PROFILE["ac"]
    assert esim.expires_at == datetime(2025, 3, 19, 18, tzinfo=UTC)
    assert (esim.instructions, esim.confirmation_code) == (None, None)
    kept = json.dumps(esim.reply)
    for secret in (*SECRETS, OTHER_CODE, "454006109846571"):
        assert secret not in f"{kept} {esim!r}"
    assert ORDER_NO in kept
    assert MATCHING_ID in str(esim.raw)
    assert OTHER_CODE not in str(esim.raw)


@pytest.mark.parametrize(
    ("expired_time", "expires_at"),
    [
        ("2024-01-11T08:10:19Z", datetime(2024, 1, 11, 8, 10, 19, tzinfo=UTC)),
        ("2024-01-11T08:10:19", datetime(2024, 1, 11, 8, 10, 19, tzinfo=UTC)),
        ("soon", None),
        (None, None),
        (7, None),
    ],
)
async def test_odd_expiry_never_spoils_a_purchase(
    partner: ScriptedServer,
    accepted: ProvisionRequest,
    expired_time: object,
    expires_at: datetime | None,
) -> None:
    """A moment in any of their forms is read, else left out."""
    partner.answer = listing({**PROFILE, "expiredTime": expired_time})
    async with esim_access_at(partner) as provider:
        esim = await provider.advance(accepted)
    assert isinstance(esim, ProvisionedEsim)
    assert esim.expires_at == expires_at


@pytest.mark.parametrize(
    "fault",
    [
        {"packageList": None},
        {"packageList": [{"packageCode": "7aa948d363", "slug": "ES-5GB"}]},
        {"ac": f"1$rsp-eu.redteamobile.com${MATCHING_ID}"},
    ],
)
async def test_other_shapes_are_usable(
    partner: ScriptedServer, accepted: ProvisionRequest, fault: dict[str, object]
) -> None:
    """A slug is a package's other name; what is not echoed is not checked."""
    partner.answer = listing({**PROFILE, **fault})
    async with esim_access_at(partner) as provider:
        esim = await provider.advance(accepted)
    assert isinstance(esim, ProvisionedEsim)
    assert esim.qr_payload == PROFILE["ac"]


@pytest.mark.parametrize(
    "profiles",
    [
        [{**PROFILE, "transactionId": "order-4"}],
        [{**PROFILE, "transactionId": None}],
        [{**PROFILE, "orderNo": "B1"}],
        [{**PROFILE, "packageList": [{"packageCode": "FR-1GB"}]}],
        [{**PROFILE, "packageList": []}],
        [{**PROFILE, "packageList": [{"packageCode": "ES-5GB"}] * 2}],
        [{**PROFILE, "packageList": "ES-5GB"}],
        [PROFILE, {**PROFILE, "iccid": "89852245280000942228"}],
        [PROFILE, {**PROFILE, "orderNo": "B1"}],
        [{**PROFILE, "iccid": 89852245280000942210}],
        [{**PROFILE, "iccid": None}],
        [{**PROFILE, "iccid": "8.9E+19"}],
        [{**PROFILE, "ac": None}],
        [{**PROFILE, "ac": MATCHING_ID}],
        [{**PROFILE, "ac": "PENDING"}],
        [{**PROFILE, "ac": f"LPA:1$10.0.0.1${MATCHING_ID}"}],
        [{**PROFILE, "esimStatus": "CANCEL"}],
        [{**PROFILE, "esimStatus": "REVOKED"}],
        [{**PROFILE, "esimStatus": "UNUSED_EXPIRED"}],
    ],
)
async def test_unusable_profile_is_never_delivered(
    partner: ScriptedServer, accepted: ProvisionRequest, profiles: list[dict[str, object]]
) -> None:
    """Sold, and another's, several, broken or given back: a person looks at the whole of it."""
    partner.answer = listing(*profiles, OTHER)
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderReplyUnusable, match="cannot be used") as raised:
            await provider.advance(accepted)
    assert_clean(raised.value, *SECRETS, OTHER_CODE)
    assert raised.value.raw is not None
    assert json.loads(raised.value.raw)["obj"] == {"esimList": profiles}


async def test_strict_luhn_refuses_a_wrong_check_digit(
    partner: ScriptedServer, accepted: ProvisionRequest
) -> None:
    """With strictness asked for, a wrong check digit is unusable."""
    partner.answer = listing({**PROFILE, "iccid": "89852245280000942211"})
    async with esim_access_at(partner, iccid_luhn_strict=True) as provider:
        with pytest.raises(ProviderReplyUnusable, match="check digit"):
            await provider.advance(accepted)


@pytest.mark.parametrize("answer", [failing("200010"), failing("310272"), listing()])
async def test_accepted_order_without_a_profile_is_under_way(
    partner: ScriptedServer, accepted: ProvisionRequest, answer: Answer
) -> None:
    """They named it themselves, so "no such order" contradicts them and settles nothing."""
    partner.answer = answer
    async with esim_access_at(partner) as provider:
        waiting = await provider.advance(accepted)
    assert isinstance(waiting, AcceptedOrder)
    assert waiting.provider_order_id == ORDER_NO


@pytest.mark.parametrize("answer", [failing("310272"), listing(), listing(OTHER)])
async def test_reference_that_is_not_there_is_absent(
    partner: ScriptedServer, request_42: ProvisionRequest, answer: Answer
) -> None:
    """Asked for all of that time, they positively know of nothing of ours."""
    partner.answer = answer
    async with esim_access_at(partner) as provider:
        assert await provider.advance(request_42) is None


@pytest.mark.parametrize("code", ["200009", "200002"])
async def test_abnormal_order_is_a_persons_matter(
    partner: ScriptedServer,
    request_42: ProvisionRequest,
    accepted: ProvisionRequest,
    code: str,
) -> None:
    """No document says that an abnormal order is never delivered: money hangs on it."""
    partner.answer = failing(code)
    async with esim_access_at(partner) as provider:
        for request in (request_42, accepted):
            with pytest.raises(ProviderRefused) as raised:
                await provider.advance(request)
            assert not isinstance(raised.value, ProviderOrderFailed)
            assert_clean(raised.value, *SECRETS)


@pytest.mark.parametrize(
    "answer",
    [
        answering(200, []),
        answering(200, {}),
        succeeding(None),
        succeeding({"esimList": None}),
        succeeding({"esimList": ["order-42"]}),
        failing("000105"),
    ],
)
async def test_puzzling_answer_is_not_an_absence(
    partner: ScriptedServer,
    request_42: ProvisionRequest,
    accepted: ProvisionRequest,
    answer: Answer,
) -> None:
    """Absence leads to a second purchase; and it says nothing of an order that was accepted."""
    partner.answer = answer
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderRefused) as raised:
            await provider.advance(request_42)
        with pytest.raises(ProviderUnavailable) as waiting:
            await provider.advance(accepted)
    assert_clean(raised.value, *SECRETS, OTHER_CODE)
    assert_clean(waiting.value, *SECRETS, OTHER_CODE)


@pytest.mark.parametrize("answer", [failing("101003"), failing("x", 403)])
async def test_a_look_up_that_is_not_admitted_says_nothing_of_the_order(
    partner: ScriptedServer,
    request_42: ProvisionRequest,
    accepted: ProvisionRequest,
    answer: Answer,
) -> None:
    """Neither absent nor refused, accepted or not: it was not asked."""
    partner.answer = answer
    async with esim_access_at(partner) as provider:
        for asked in (request_42, accepted):
            with pytest.raises(CredentialsRefused) as raised:
                await provider.advance(asked)
            assert_clean(raised.value, *SECRETS)


async def test_other_orders_only_say_nothing_of_an_accepted_one(
    partner: ScriptedServer, accepted: ProvisionRequest
) -> None:
    """They ignored the filter: it is asked again."""
    partner.answer = listing(OTHER)
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderUnavailable):
            await provider.advance(accepted)


async def test_code_about_a_profile_is_no_absence(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """310403 is about an ICCID that we did not name."""
    partner.answer = failing("310403")
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderRefused):
            await provider.advance(request_42)


@pytest.mark.parametrize(
    "answer",
    [
        failing("900001"),
        failing("000001"),
        failing("999999"),
        failing(None),
        failing("900001", 500),
        answering(429, {}),
        answering(200, b"{"),
        reset_after_reading,
    ],
)
async def test_failed_lookup_changes_nothing(
    partner: ScriptedServer, request_42: ProvisionRequest, answer: Answer
) -> None:
    """Asking books nothing, so a failure is only "not now"."""
    partner.answer = answer
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderUnavailable):
            await provider.advance(request_42)
