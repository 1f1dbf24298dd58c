"""What each refusal of Airalo's means for money, and what its balance says."""

from decimal import Decimal

import pytest

from domain.errors import (
    CredentialsRefused,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderReplyUnusable,
    ProviderUnavailable,
)
from domain.provider import Balance, ProvisionRequest
from tests.partners.airalo import SECRETS, TALKATIVE, after_token, airalo_at
from tests.partners.scripted import (
    Answer,
    ScriptedServer,
    answering,
    close_without_a_word,
    cut_off,
    reset_after_reading,
)
from tests.providers.secrecy import assert_clean

SOLD_OUT = "SIM quantity is not available. Available quantity: 9."
TABLE: list[tuple[int, object, type[ProviderError]]] = [
    (422, {"code": 11, "reason": TALKATIVE}, ProviderRefused),
    (422, {"code": 13, "reason": TALKATIVE}, ProviderUnavailable),
    (422, {"code": 14, "reason": TALKATIVE}, ProviderRefused),
    (422, {"code": 23, "reason": TALKATIVE}, ProviderRefused),
    (422, {"code": 33, "reason": TALKATIVE}, ProviderOutOfStock),
    (422, {"code": 34, "reason": TALKATIVE}, ProviderOutOfStock),
    (422, {"code": 43, "reason": TALKATIVE}, ProviderRefused),
    (422, {"code": 53, "reason": TALKATIVE}, ProviderOutcomeUnknown),
    (422, {"code": 73, "reason": TALKATIVE}, ProviderRefused),
    (422, {"code": 99, "reason": TALKATIVE}, ProviderOutcomeUnknown),
    (422, {"code": "33", "reason": TALKATIVE}, ProviderOutOfStock),
    (422, {"data": {"code": 33, "reason": TALKATIVE}}, ProviderOutOfStock),
    (422, {"code": 422, "reason": TALKATIVE}, ProviderRefused),
    (422, {"code": "OTHER", "reason": TALKATIVE}, ProviderRefused),
    (422, {"code": None, "quantity": SOLD_OUT}, ProviderOutOfStock),
    (422, {"data": {"quantity": SOLD_OUT}, "meta": {"message": TALKATIVE}}, ProviderOutOfStock),
    (422, {"data": {"quantity": "The quantity may not be greater than 50."}}, ProviderRefused),
    (422, {"data": {"package_id": "The selected package is invalid."}}, ProviderRefused),
    (422, {"reason": "User is not opted in and no webhook URL provided."}, ProviderRefused),
    (422, [TALKATIVE], ProviderRefused),
    (400, {"data": [], "meta": {"message": TALKATIVE}}, ProviderRefused),
    (403, {"code": 89, "reason": TALKATIVE}, CredentialsRefused),
    (403, {"code": 99, "reason": TALKATIVE}, CredentialsRefused),
    (403, {"data": [], "meta": {"message": TALKATIVE}}, CredentialsRefused),
    (404, {}, ProviderRefused),
    (408, {}, ProviderOutcomeUnknown),
    (409, {}, ProviderOutcomeUnknown),
    (302, {}, ProviderOutcomeUnknown),
    (429, {"data": [], "meta": {"message": TALKATIVE}}, ProviderUnavailable),
    (500, {"code": 11}, ProviderOutcomeUnknown),
    (502, {}, ProviderOutcomeUnknown),
    (503, {}, ProviderUnavailable),
    (504, {}, ProviderOutcomeUnknown),
]


@pytest.mark.parametrize(("status", "body", "expected"), TABLE)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_failed_order_says_whether_it_may_be_booked(
    partner: ScriptedServer,
    request_42: ProvisionRequest,
    status: int,
    body: object,
    expected: type[ProviderError],
    asynchronous: bool,
) -> None:
    """Each status and code has its one meaning, and a talkative reason is cleaned."""
    partner.answer = after_token(answering(status, body))
    async with airalo_at(partner, asynchronous=asynchronous) as airalo:
        with pytest.raises(expected) as raised:
            await airalo.provision(request_42)
    assert type(raised.value) is expected
    assert_clean(raised.value, *SECRETS)
    assert raised.value.reply is not None
    assert raised.value.reply["status"] == status
    assert len(partner.requests) == 2


@pytest.mark.parametrize(("status", "body", "expected"), TABLE)
async def test_failed_question_never_means_booked(
    partner: ScriptedServer,
    request_42: ProvisionRequest,
    status: int,
    body: object,
    expected: type[ProviderError],
) -> None:
    """Where nothing can be booked, "unknown" is "not now"."""
    partner.answer = after_token(answering(status, body))
    wanted = ProviderUnavailable if expected is ProviderOutcomeUnknown else expected
    async with airalo_at(partner) as airalo:
        for call in (airalo.advance(request_42), airalo.balance()):
            with pytest.raises(wanted) as raised:
                await call
            assert_clean(raised.value, *SECRETS)


async def test_retry_after_is_honoured(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """Too many orders a minute: the wait is Airalo's."""
    partner.answer = after_token(answering(429, {}, {"retry-after": "17"}))
    async with airalo_at(partner) as airalo:
        with pytest.raises(ProviderUnavailable) as raised:
            await airalo.provision(request_42)
    assert raised.value.retry_after_seconds == 17


@pytest.mark.parametrize(
    "answer",
    [
        reset_after_reading,
        close_without_a_word,
        cut_off(TALKATIVE.encode()),
        answering(200, TALKATIVE.encode()),
        answering(200, b""),
    ],
)
async def test_lost_reply_is_unknown(
    partner: ScriptedServer, request_42: ProvisionRequest, answer: Answer
) -> None:
    """Airalo has read the order; without a whole reply nobody knows what it did."""
    partner.answer = after_token(answer)
    async with airalo_at(partner) as airalo:
        with pytest.raises(ProviderOutcomeUnknown) as raised:
            await airalo.provision(request_42)
        with pytest.raises(ProviderUnavailable):
            await airalo.advance(request_42)
    assert_clean(raised.value, *SECRETS)


async def test_unreadable_reply_goes_to_quarantine(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """What came is kept whole for the person who has to look, and nowhere else."""
    partner.answer = after_token(cut_off(TALKATIVE.encode()))
    async with airalo_at(partner) as airalo:
        with pytest.raises(ProviderReplyUnusable) as raised:
            await airalo.provision(request_42)
    assert raised.value.raw == TALKATIVE


@pytest.mark.parametrize(
    ("balances", "expected"),
    [
        ({"availableBalance": {"amount": 225, "currency": "USD"}}, Balance(Decimal(225), "USD")),
        (
            [{"availableBalance": {"amount": 225.35, "currency": "EUR"}}],
            Balance(Decimal("225.35"), "EUR"),
        ),
        ([], None),
    ],
)
async def test_balance_is_read(
    partner: ScriptedServer, balances: object, expected: Balance | None
) -> None:
    """One account, a list of them, or none."""
    partner.answer = after_token(answering(200, {"data": {"balances": balances}}))
    async with airalo_at(partner) as airalo:
        assert await airalo.balance() == expected
    assert (partner.requests[1].method, partner.requests[1].path) == ("GET", "/v2/balance")


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"balances": None},
        {"balances": {"availableBalance": {"amount": "225", "currency": "USD"}}},
        {"balances": {"availableBalance": {"amount": True, "currency": "USD"}}},
        {"balances": {"availableBalance": {"amount": 225}}},
    ],
)
async def test_unreadable_balance_is_not_an_amount(partner: ScriptedServer, data: object) -> None:
    """Nobody is told a number that Airalo did not say."""
    partner.answer = after_token(answering(200, {"data": data}))
    async with airalo_at(partner) as airalo:
        with pytest.raises(ProviderUnavailable):
            await airalo.balance()
