"""Giving a profile back to eSIM Access, and what is left to spend there."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.errors import (
    CredentialsRefused,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.provider import Balance, Bought
from tests.partners.esim_access import (
    BOUGHT,
    ICCID,
    ORDER_NO,
    OTHER,
    PROFILE,
    SECRETS,
    TALKATIVE,
    esim_access_at,
    failing,
    listing,
    succeeding,
)
from tests.partners.scripted import Answer, Received, ScriptedServer, answering, reset_after_reading
from tests.providers.secrecy import assert_clean

TRAN_NO = str(PROFILE["esimTranNo"])


def cancelling(cancel: Answer, afterwards: Answer | None = None) -> Answer:
    """List the order's profile, answer a cancellation, and what is asked after that."""

    async def dispatch(received: Received, writer: asyncio.StreamWriter) -> None:
        if received.path.endswith("/cancel"):
            chosen = cancel
        elif "orderNo" in received.json or afterwards is None:
            chosen = listing(OTHER, PROFILE)
        else:
            chosen = afterwards
        await chosen(received, writer)

    return dispatch


@pytest.mark.parametrize("bought", [BOUGHT, replace(BOUGHT, iccid=None)])
async def test_cancellation_names_the_sale(partner: ScriptedServer, bought: Bought) -> None:
    """By its esimTranNo, found by their name of its order; success is a refund."""
    partner.answer = cancelling(succeeding({}))
    async with esim_access_at(partner) as provider:
        assert await provider.cancel(bought) is True
    asked, cancelled = partner.requests
    assert asked.json["orderNo"] == ORDER_NO
    assert (cancelled.method, cancelled.path) == ("POST", "/open/esim/cancel")
    assert cancelled.json == {"esimTranNo": TRAN_NO}


async def test_a_sale_that_we_know_by_name_is_found_by_that(partner: ScriptedServer) -> None:
    """Neither its order nor an ICCID that may be another's is asked for."""
    partner.answer = cancelling(succeeding({}))
    async with esim_access_at(partner) as provider:
        assert await provider.cancel(replace(BOUGHT, sale_id=TRAN_NO)) is True
    asked, cancelled = partner.requests
    assert {"orderNo", "iccid"}.isdisjoint(asked.json)
    assert asked.json["esimTranNo"] == cancelled.json["esimTranNo"] == TRAN_NO


async def test_a_purchase_without_their_name_of_its_order_is_found_by_its_iccid(
    partner: ScriptedServer,
) -> None:
    """But only if the ICCID is still that purchase's."""
    partner.answer = cancelling(succeeding({}))
    async with esim_access_at(partner) as provider:
        assert await provider.cancel(Bought("order-42", None, ICCID)) is True
        assert await provider.cancel(Bought("order-41", None, ICCID)) is False
        assert await provider.cancel(Bought("order-42", None, None)) is False
    assert [each.path.rsplit("/")[-1] for each in partner.requests] == ["query", "cancel", "query"]


async def test_what_is_cancelled_already_is_not_cancelled_again(partner: ScriptedServer) -> None:
    """Its ICCID may be another customer's by now."""
    partner.answer = listing({**PROFILE, "esimStatus": "CANCEL"})
    async with esim_access_at(partner) as provider:
        assert await provider.cancel(BOUGHT) is True
    assert len(partner.requests) == 1


async def test_a_sale_without_a_name_is_not_cancelled(partner: ScriptedServer) -> None:
    """Nothing is sent that could change another sale."""
    partner.answer = listing({**PROFILE, "esimTranNo": None})
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderRefused, match="esimTranNo"):
            await provider.cancel(BOUGHT)
    assert len(partner.requests) == 1


@pytest.mark.parametrize("code", ["200002", "200009", "310272", "310403"])
@pytest.mark.parametrize(
    ("query", "undone"),
    [
        (listing({**PROFILE, "esimStatus": "CANCEL"}), True),
        (listing({**PROFILE, "esimStatus": "IN_USE"}), False),
        (listing({**PROFILE, "esimStatus": "REVOKED"}), False),
        (listing({**OTHER, "esimTranNo": "22102706381999", "esimStatus": "CANCEL"}), False),
        (listing(), False),
        (failing("310272"), False),
    ],
)
async def test_refused_cancellation_may_have_happened_before(
    partner: ScriptedServer, code: str, query: Answer, undone: bool
) -> None:
    """True again after a success whose answer was lost; a used profile is not taken back."""
    partner.answer = cancelling(failing(code), query)
    async with esim_access_at(partner) as provider:
        assert await provider.cancel(BOUGHT) is undone
    assert partner.requests[2].json["esimTranNo"] == TRAN_NO


@pytest.mark.parametrize("query", [listing(), listing(OTHER), failing("310272"), failing("200010")])
async def test_nothing_to_cancel_is_no_success(partner: ScriptedServer, query: Answer) -> None:
    """Nothing came back to us; nothing is sent that could change anything."""
    partner.answer = query
    async with esim_access_at(partner) as provider:
        assert await provider.cancel(BOUGHT) is False
    assert len(partner.requests) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (failing("900001"), ProviderUnavailable),
        (failing("101003"), CredentialsRefused),
        (failing("000001"), ProviderOutcomeUnknown),
        (failing("999999"), ProviderOutcomeUnknown),
        (answering(200, {}), ProviderOutcomeUnknown),
        (answering(200, TALKATIVE.encode()), ProviderOutcomeUnknown),
        (answering(500, {}), ProviderOutcomeUnknown),
        (reset_after_reading, ProviderOutcomeUnknown),
    ],
)
async def test_failed_cancellation_says_whether_it_may_have_happened(
    partner: ScriptedServer, answer: Answer, expected: type[ProviderError]
) -> None:
    """It can be repeated, but nobody is told that the money is back before it is."""
    partner.answer = cancelling(answer)
    async with esim_access_at(partner) as provider:
        with pytest.raises(expected) as raised:
            await provider.cancel(BOUGHT)
    assert_clean(raised.value, *SECRETS)


async def test_cancelled_state_that_cannot_be_asked_is_later(partner: ScriptedServer) -> None:
    """A refused cancellation and a failed question together say nothing yet."""
    partner.answer = cancelling(failing("200009"), failing("900001"))
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderUnavailable):
            await provider.cancel(BOUGHT)


async def test_balance_is_in_dollars(partner: ScriptedServer) -> None:
    """They count in USD times 10,000."""
    partner.answer = succeeding({"balance": 1_234_567})
    async with esim_access_at(partner) as provider:
        assert await provider.balance() == Balance(Decimal("123.4567"), "USD")
    (received,) = partner.requests
    assert (received.method, received.path, received.json) == ("POST", "/open/balance/query", {})


@pytest.mark.parametrize(
    "obj", [None, {}, {"balance": "100"}, {"balance": True}, {"balance": None}]
)
async def test_unreadable_balance_is_not_an_amount(partner: ScriptedServer, obj: object) -> None:
    """Nobody is told a number that they did not say."""
    partner.answer = succeeding(obj)
    async with esim_access_at(partner) as provider:
        with pytest.raises(ProviderUnavailable):
            await provider.balance()
