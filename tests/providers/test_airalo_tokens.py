"""Airalo's token: one for the process, three a minute at most, and never a reason to buy twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx
import pytest

from domain.errors import (
    CredentialsRefused,
    ProviderError,
    ProviderHeld,
    ProviderUnavailable,
)
from domain.provider import ProvisionedEsim, ProvisionRequest
from providers.airalo.tokens import Tokens
from providers.kit.http import ProviderHttp
from tests.partners.airalo import (
    CLIENT_ID,
    CLIENT_SECRET,
    ORDER,
    SECRETS,
    TALKATIVE,
    TOKEN,
    TOKEN_REPLY,
    after_token,
    airalo_at,
    listing,
    selling,
)
from tests.partners.scripted import (
    Answer,
    Received,
    ScriptedServer,
    answering,
    reset_after_reading,
    send_json,
)
from tests.providers.secrecy import assert_clean

DAY_SECONDS = 24 * 3600.0


@dataclass
class Clock:
    """Time that a test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
async def tokens(partner: ScriptedServer, clock: Clock) -> AsyncIterator[Tokens]:
    """A token cache that asks the partner."""
    base_url = httpx.URL(f"{partner.base_url}/v2")
    http = ProviderHttp("AIRALO", base_url, auth_headers={}, timeout_seconds=5)
    cache = Tokens("AIRALO", http, CLIENT_ID, CLIENT_SECRET, clock)
    yield cache
    await cache.aclose()


def counting(expires_in: object = 86400) -> Answer:
    """Give out token-1, token-2 and so on."""
    count = 0

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        nonlocal count
        count += 1
        data = {"access_token": f"token-{count}", "expires_in": expires_in}
        await send_json(writer, 200, {"data": data})

    return answer


async def test_token_is_shared_by_all_calls(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """Ten calls at once need one token, and so does every later one."""
    partner.answer = listing(ORDER)
    async with airalo_at(partner) as airalo:
        await asyncio.gather(*[airalo.advance(request_42) for _ in range(10)])
        await airalo.advance(request_42)
    paths = [each.path for each in partner.requests]
    assert paths.count("/v2/token") == 1
    assert paths.count("/v2/orders") == 11


async def test_token_is_renewed_before_it_ends(
    partner: ScriptedServer, tokens: Tokens, clock: Clock
) -> None:
    """Whoever gets one has minutes left, whatever the reply says of its life."""
    partner.answer = counting(expires_in=31622400)  # the reference's own example
    assert await tokens.current() == "token-1"
    clock.now += DAY_SECONDS - 700
    assert await tokens.current() == "token-1"
    clock.now += 200
    assert await tokens.current() == "token-2"


@pytest.mark.parametrize("expires_in", [None, "soon", 0, -5, 86400, 10**9])
async def test_token_lives_a_day_at_most(
    partner: ScriptedServer, tokens: Tokens, clock: Clock, expires_in: object
) -> None:
    """An odd lifetime counts as the documented one."""
    partner.answer = counting(expires_in)
    await tokens.current()
    clock.now += DAY_SECONDS
    assert await tokens.current() == "token-2"


async def test_short_lived_token_is_used_for_most_of_its_life(
    partner: ScriptedServer, tokens: Tokens, clock: Clock
) -> None:
    """A token of a minute is not thrown away at once."""
    partner.answer = counting(expires_in=60)
    assert await tokens.current() == "token-1"
    clock.now += 50
    assert await tokens.current() == "token-1"
    clock.now += 5
    assert await tokens.current() == "token-2"


async def test_old_token_serves_while_no_new_one_can_be_had(
    partner: ScriptedServer, tokens: Tokens, clock: Clock
) -> None:
    """An outage of the token endpoint stops nobody whose token is still good."""
    partner.answer = counting()
    await tokens.current()
    partner.answer = answering(500, {})
    clock.now += DAY_SECONDS - 300
    assert await tokens.current() == "token-1"
    clock.now += 300
    with pytest.raises(ProviderUnavailable):
        await tokens.current()


async def test_one_refresh_at_a_time(partner: ScriptedServer, tokens: Tokens) -> None:
    """Many callers at once make one request."""
    partner.answer = counting()
    assert set(await asyncio.gather(*[tokens.current() for _ in range(20)])) == {"token-1"}
    assert len(partner.requests) == 1


async def test_refused_token_is_replaced_and_the_order_sent_once_more(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """A 401 comes before anything is booked."""
    hand_out = counting()

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        if received.path.endswith("/token"):
            await hand_out(received, writer)
        elif received.headers["authorization"] == "Bearer token-1":
            await send_json(writer, 401, {"data": [], "meta": {"message": "Unauthenticated."}})
        else:
            await send_json(writer, 200, {"data": ORDER})

    partner.answer = answer
    async with airalo_at(partner) as airalo:
        assert isinstance(await airalo.provision(request_42), ProvisionedEsim)
        await airalo.provision(request_42)
    sent = [each.headers.get("authorization", each.path) for each in partner.requests]
    assert sent == [
        "/v2/token",
        "Bearer token-1",
        "/v2/token",
        "Bearer token-2",
        "Bearer token-2",
    ]


async def test_second_refusal_is_final(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """A new token that is refused as well ends the purchase: nothing was booked."""
    partner.answer = after_token(answering(401, {"meta": {"message": TALKATIVE}}))
    async with airalo_at(partner) as airalo:
        with pytest.raises(CredentialsRefused) as raised:
            await airalo.provision(request_42)
    assert len(partner.requests) == 4
    assert_clean(raised.value, *SECRETS)


@pytest.mark.parametrize("status", [403, 422, 500, 429])
async def test_only_a_401_renews_the_token(
    partner: ScriptedServer, request_42: ProvisionRequest, status: int
) -> None:
    """No other refusal is about the token, so nothing is sent twice."""
    partner.answer = after_token(answering(status, {}))
    async with airalo_at(partner) as airalo:
        with pytest.raises(ProviderError):
            await airalo.provision(request_42)
    assert len(partner.requests) == 2


async def test_forgetting_an_old_token_keeps_the_new_one(
    partner: ScriptedServer, tokens: Tokens
) -> None:
    """A late 401 of the old token throws nobody else's away."""
    partner.answer = counting()
    old = await tokens.current()
    tokens.forget(old)
    assert await tokens.current() == "token-2"
    tokens.forget(old)
    assert await tokens.current() == "token-2"


FAILURES: list[tuple[Answer, type[ProviderError]]] = [
    (answering(401, {"meta": {"message": TALKATIVE}}), CredentialsRefused),
    (answering(403, {"code": 89, "reason": TALKATIVE}), CredentialsRefused),
    (
        answering(422, {"data": {"client_id": "The selected client id is invalid."}}),
        CredentialsRefused,
    ),
    (answering(400, {}), CredentialsRefused),
    (answering(422, {"code": 53}), ProviderUnavailable),
    (answering(408, {}), ProviderUnavailable),
    (answering(429, {}), ProviderUnavailable),
    (answering(500, {"message": TALKATIVE}), ProviderUnavailable),
    (answering(302, {}, {"location": "/elsewhere"}), ProviderUnavailable),
    (answering(200, TALKATIVE.encode()), ProviderUnavailable),
    (answering(200, {}), ProviderUnavailable),
    (answering(200, []), ProviderUnavailable),
    (answering(200, {"data": {"access_token": ""}}), ProviderUnavailable),
    (answering(200, {"data": {"access_token": 7}}), ProviderUnavailable),
    (answering(200, {"data": {"access_token": "two\r\nlines"}}), ProviderUnavailable),
    (answering(200, {"data": {"access_token": "höher"}}), ProviderUnavailable),
    (reset_after_reading, ProviderUnavailable),
]


@pytest.mark.parametrize(("answer", "expected"), FAILURES)
async def test_without_a_token_nothing_was_booked(
    partner: ScriptedServer,
    request_42: ProvisionRequest,
    answer: Answer,
    expected: type[ProviderError],
) -> None:
    """Wrong credentials are refused, all else is "later"; an order is never sent."""
    partner.answer = after_token(answering(200, {"data": ORDER}), token=answer)
    async with airalo_at(partner) as airalo:
        with pytest.raises(expected) as raised:
            await airalo.provision(request_42)
    assert type(raised.value) is expected
    assert_clean(raised.value, *SECRETS)
    assert {each.path for each in partner.requests} == {"/v2/token"}


async def test_limit_of_the_token_endpoint_is_waited_for(
    partner: ScriptedServer, tokens: Tokens, clock: Clock
) -> None:
    """After a 429 nobody asks again before the time that Airalo named."""
    partner.answer = answering(429, {}, {"retry-after": "40"})
    with pytest.raises(ProviderUnavailable) as raised:
        await tokens.current()
    assert raised.value.retry_after_seconds == 40
    clock.now += 30
    with pytest.raises(ProviderHeld) as held:
        await tokens.current()
    assert held.value.retry_after_seconds == pytest.approx(10)
    assert len(partner.requests) == 1
    partner.answer = answering(200, TOKEN_REPLY)
    clock.now += 10
    assert await tokens.current() == TOKEN


async def test_a_fourth_token_in_a_minute_is_not_asked_for(
    partner: ScriptedServer, tokens: Tokens, clock: Clock
) -> None:
    """Three a minute is Airalo's limit; we do not try it out."""
    partner.answer = answering(500, {})
    for _ in range(3):
        with pytest.raises(ProviderUnavailable):
            await tokens.current()
        clock.now += 1
    with pytest.raises(ProviderHeld) as held:
        await tokens.current()
    assert held.value.retry_after_seconds == pytest.approx(57)
    assert len(partner.requests) == 3
    clock.now += 57
    partner.answer = answering(200, TOKEN_REPLY)
    assert await tokens.current() == TOKEN


async def test_token_is_in_no_repr(partner: ScriptedServer, tokens: Tokens) -> None:
    """A cache in a traceback is harmless."""
    partner.answer = answering(200, TOKEN_REPLY)
    await tokens.current()
    assert TOKEN not in repr(vars(tokens)["_token"])


@pytest.mark.parametrize("make", [selling, listing])
async def test_token_never_comes_back_in_what_is_kept(
    partner: ScriptedServer, request_42: ProvisionRequest, make: Callable[[object], Answer]
) -> None:
    """A reply that quotes our token in a field that is kept loses it."""
    partner.answer = make({**ORDER, "type": f"sim {TOKEN}", "data": CLIENT_SECRET})
    async with airalo_at(partner) as airalo:
        call = airalo.provision if make is selling else airalo.advance
        esim = await call(request_42)
    assert esim is not None
    for secret in SECRETS:
        assert secret not in str(esim.reply)
