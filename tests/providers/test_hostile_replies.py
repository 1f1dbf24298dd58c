"""Replies that are made to hurt: bounded in time and memory, and nobody else waits for them."""

import asyncio
import gzip
import tracemalloc
from collections.abc import Awaitable
from time import thread_time

import pytest

from domain.errors import ProviderError, ProviderRefused, ProviderReplyUnusable
from domain.provider import ProvisionRequest
from providers.connected_you import ConnectedYou
from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import answering

MEBIBYTE = 2**20
BOMB = gzip.compress(gzip.compress(gzip.compress(bytes(64 * MEBIBYTE))))
BUSY_SECONDS = 2.0
"""CPU time for which nobody else got a turn; it was 26 s."""


def sold(activation_code: str) -> bytes:
    """A sale of the order, with this for a code."""
    return (
        '{"data": {"orderReference": "order-42", "iccid": "8901120200045678901",'
        f' "activationCode": "{activation_code}", "message": "{activation_code}"}}}}'
    ).encode()


WORST = {
    "letters": sold("a" * (MEBIBYTE // 2 - 100)),
    "capitals": sold("A-" * (MEBIBYTE // 4 - 100)),
    "dollars": sold("LPA:1$" * (MEBIBYTE // 12 - 100)),
    "percents": sold("%2" * (MEBIBYTE // 4 - 100)),
    "blanks": sold(" " * (MEBIBYTE // 2 - 100)),
    "lists": b"[" + b"[]," * (MEBIBYTE // 3 - 10) + b"1]",
    "900 levels": b'{"data": ' + b"[" * 900 + b"]" * 900 + b"}",
    "half a million levels": b"[" * (MEBIBYTE // 2) + b"]" * (MEBIBYTE // 2),
    "messages": b'{"error": [' + b",".join([b'{"message": "' + b"a@" * 500 + b'"}'] * 1000) + b"]}",
}


async def longest_turn(work: Awaitable[object]) -> float:
    """CPU seconds that passed at most before somebody else had a turn."""
    task = asyncio.ensure_future(work)
    longest, before = 0.0, thread_time()
    while not task.done():
        await asyncio.sleep(0)
        now = thread_time()
        longest, before = max(longest, now - before), now
    with pytest.raises(ProviderError):
        task.result()
    return longest


@pytest.mark.parametrize("status", [200, 422])
@pytest.mark.parametrize("name", WORST)
async def test_a_mebibyte_of_the_worst_text_holds_nobody_up(
    partner: PartnerServer,
    live: ConnectedYou,
    request_42: ProvisionRequest,
    name: str,
    status: int,
) -> None:
    """Sold or refused: a domain error, while others get their turns."""
    partner.answer = answering(status, WORST[name])
    assert await longest_turn(live.provision(request_42)) < BUSY_SECONDS


@pytest.mark.parametrize("name", WORST)
async def test_a_hostile_reply_to_a_sale_is_no_sale(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest, name: str
) -> None:
    """What was asked for may have been bought: it is kept for a person, and never sent again."""
    partner.answer = answering(200, WORST[name])
    with pytest.raises(ProviderReplyUnusable):
        await live.provision(request_42)
    assert len(partner.requests) == 1


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, gzip, gzip", "identity, deflate", "x"])
async def test_an_encoded_reply_stays_unread(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest, coding: str
) -> None:
    """Some bytes in layers of gzip are gigabytes: the status counts, memory stays flat."""
    headers = {"content-encoding": coding}
    tracemalloc.start()
    for status, expected in ((200, ProviderReplyUnusable), (422, ProviderRefused)):
        partner.answer = answering(status, BOMB, headers)
        with pytest.raises(expected) as raised:
            await live.provision(request_42)
        assert raised.value.reply == {"status": status, "body": None}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MEBIBYTE
    assert {each.headers["accept-encoding"] for each in partner.requests} == {"identity"}


async def test_a_plain_reply_may_say_that_it_is_one(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """`Content-Encoding: identity` is no encoding."""
    partner.answer = answering(422, {"message": "No such plan"}, {"content-encoding": "Identity"})
    with pytest.raises(ProviderRefused) as raised:
        await live.provision(request_42)
    assert raised.value.reply == {"status": 422, "body": {"message": "No such plan"}}


async def test_a_cookie_is_never_sent_back(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """Nor read: a session of one order would be another's."""
    partner.answer = answering(422, {}, {"set-cookie": "session=CANARY; Path=/; Max-Age=9999"})
    for _ in range(2):
        with pytest.raises(ProviderRefused):
            await live.provision(request_42)
    assert all("cookie" not in each.headers for each in partner.requests)
