"""kill -9 and SIGSTOP of the worker around a purchase: at every provider, charged once, or asked.

One order of every provider stands at each instant when the worker dies (or freezes), all at once.
"""

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

import httpx
import pytest

from activities.pause_points import PausePoint
from sandbox.adapter_variables import CA_FILE, CLIENT_FILE
from sandbox.credentials import ES2PLUS_REQUESTER
from sandbox.profiles import SMDP_ADDRESS
from sandbox.sandbox import PROVIDERS
from tests.e2e.invariants import broken
from tests.e2e.purchase_stack import Market

pytestmark = pytest.mark.stack

# Less than the time-out of a call, and long enough for four of them to be under way together.
_SLOW_SECONDS = 4.0


class Instant(StrEnum):
    """Where a purchase stands when its worker is struck."""

    BEFORE_SEND = "before the send"
    AT_THE_PROVIDER = "while the provider works"
    AFTER_REPLY = "after the reply"
    AFTER_COMMIT = "after the commit"


_POINTS = {
    Instant.BEFORE_SEND: PausePoint.BEFORE_SEND,
    Instant.AFTER_REPLY: PausePoint.AFTER_REPLY,
    Instant.AFTER_COMMIT: PausePoint.AFTER_PURCHASE,
}
KILLED = list(product(Instant, PROVIDERS))
FROZEN = [case for case in KILLED if case[0] is not Instant.AFTER_COMMIT]

# Nobody but a person can tell whether these were booked. ES2PLUS has committed the ICCID of the
# profile it reserved before the reply that AFTER_REPLY is about, and goes on from there by itself.
KILLED_IN_DOUBT = {
    (Instant.BEFORE_SEND, "CONNECTED_YOU"): 0,
    (Instant.BEFORE_SEND, "ES2PLUS"): 0,
    (Instant.AT_THE_PROVIDER, "CONNECTED_YOU"): 1,
    (Instant.AT_THE_PROVIDER, "ES2PLUS"): 1,
    (Instant.AFTER_REPLY, "CONNECTED_YOU"): 1,
}
# A worker that wakes up has what it had: only the answer that came meanwhile is too late.
FROZEN_IN_DOUBT = {
    (Instant.AT_THE_PROVIDER, "CONNECTED_YOU"): 1,
    (Instant.AT_THE_PROVIDER, "ES2PLUS"): 1,
}

Case = tuple[Instant, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What had become of an order when nothing moved by itself any more."""

    order_id: int
    status: str
    purchases: list[str]
    sent: int
    charges: list[str]


Outcomes = dict[Case, Outcome]


@asynccontextmanager
async def _struck(market: Market, cases: list[Case]) -> AsyncIterator[dict[Case, int]]:
    """Every case's order stands at its instant; when the block ends, nobody holds them any more."""
    plans = {provider: await market.plan(provider) for provider in PROVIDERS}
    orders = {case: await market.customer.buy(plans[case[1]]) for case in cases}
    holds = await asyncio.gather(
        *(
            market.hold(orders[case], _POINTS[case[0]])
            for case in cases
            if case[0] is not Instant.AT_THE_PROVIDER
        )
    )
    await asyncio.gather(
        *(
            market.keep_waiting(orders[case], case[1], _SLOW_SECONDS)
            for case in cases
            if case[0] is Instant.AT_THE_PROVIDER
        )
    )
    yield orders
    for hold in holds:
        hold.release()


async def _outcomes(market: Market, orders: dict[Case, int]) -> Outcomes:
    """Wait until every order has its eSIM, or waits for a person."""
    found = await market.profiles(orders.values(), "ACTIVATED", "NEEDS_REVIEW")
    return {
        case: Outcome(
            order_id,
            found[order_id]["status"],
            await market.intents(order_id),
            len(market.purchases(order_id)),
            market.net_charges(order_id),
        )
        for case, order_id in orders.items()
    }


@pytest.fixture(scope="module")
async def killed(market: Market) -> Outcomes:
    """What became of sixteen orders whose worker was killed."""
    async with _struck(market, KILLED) as orders:
        market.stack.kill("worker")
    return await _outcomes(market, orders)


@pytest.fixture(scope="module")
async def frozen(market: Market) -> Outcomes:
    """The same of twelve whose worker froze until Temporal had begun another attempt of each.

    The first attempts stand where they were until the others have been refused: those do not buy.
    """
    async with _struck(market, FROZEN) as orders:
        market.stack.kill("worker", signal.SIGSTOP)
        try:
            async with asyncio.timeout(60):
                while min(await market.attempts(orders.values())) < 2:
                    await asyncio.sleep(0.2)
        finally:
            market.stack.kill("worker", signal.SIGCONT)
        held = [orders[case] for case in FROZEN if case[0] in _POINTS]
        async with asyncio.timeout(60):
            while not all(await market.refused(held)):
                await asyncio.sleep(0.2)
    await market.hurry(orders.values())
    return await _outcomes(market, orders)


def _assert_bought_once(outcome: Outcome, provider: str) -> None:
    """An eSIM, one charge, one request to buy."""
    assert outcome.status == "ACTIVATED"
    assert (outcome.charges, outcome.sent) == ([provider], 1)
    assert outcome.purchases[-1] == "CONFIRMED"
    assert set(outcome.purchases[:-1]) <= {"REFUSED"}


def _assert_in_doubt(outcome: Outcome, provider: str, charges: int) -> None:
    """No eSIM, one purchase of unknown outcome, and never a second request."""
    assert outcome.status == "NEEDS_REVIEW"
    assert outcome.purchases == ["UNKNOWN"]
    assert (outcome.charges, outcome.sent) == ([provider] * charges, charges)


@pytest.mark.parametrize(("instant", "provider"), KILLED)
async def test_a_killed_worker_leaves_one_charge_or_a_question(
    killed: Outcomes, instant: Instant, provider: str
) -> None:
    """After kill -9 the next worker finishes with one charge, or asks a person what it cannot know.

    Who can be looked up is never left to a person, and what was committed is never in doubt.
    """
    outcome, in_doubt = killed[instant, provider], KILLED_IN_DOUBT.get((instant, provider))
    if in_doubt is None:
        _assert_bought_once(outcome, provider)
    else:
        _assert_in_doubt(outcome, provider, in_doubt)


@pytest.mark.parametrize(("instant", "provider"), FROZEN)
async def test_a_frozen_worker_and_its_successor_buy_once(
    frozen: Outcomes, instant: Instant, provider: str
) -> None:
    """SIGSTOP past every time-out, then SIGCONT: one request has reached the provider, ever.

    An order whose answer came while nobody could read it is looked up, or a person is asked.
    """
    outcome, in_doubt = frozen[instant, provider], FROZEN_IN_DOUBT.get((instant, provider))
    if in_doubt is None:
        _assert_bought_once(outcome, provider)
    else:
        _assert_in_doubt(outcome, provider, in_doubt)


async def test_no_code_is_lost_or_misdelivered_by_a_crash(
    market: Market, killed: Outcomes, frozen: Outcomes
) -> None:
    """What was paid for is an item of ours or asked about; each eSIM was sold for its order."""
    assert len(killed) + len(frozen) == len(KILLED) + len(FROZEN)
    await _check_books(market)


async def test_a_person_settles_what_a_killed_worker_left_in_doubt(
    market: Market, killed: Outcomes
) -> None:
    """By the provider's books: absent is bought, sold is delivered; one charge for each.

    The SM-DP+ has reserved a profile that has no code yet: its operator cancels that one, so that
    it is absent.
    """
    doubts = {case: killed[case].order_id for case in KILLED_IN_DOUBT}
    for (_, provider), order_id in doubts.items():
        if provider == "ES2PLUS" and market.net_charges(order_id):
            await _by_hand(market, "cancelOrder", order_id)
        await _resolve(market, order_id)
    await _check_delivered(market, doubts)


async def test_a_person_settles_what_a_frozen_worker_left_in_doubt(
    market: Market, frozen: Outcomes
) -> None:
    """All of it was sold: the codes that the providers name are delivered, nothing is bought.

    The SM-DP+'s operator confirms the reserved profile by hand; we release it.
    """
    doubts = {case: frozen[case].order_id for case in FROZEN_IN_DOUBT}
    await _by_hand(market, "confirmOrder", doubts[Instant.AT_THE_PROVIDER, "ES2PLUS"])
    for order_id in doubts.values():
        await _resolve(market, order_id)
    await _check_delivered(market, doubts)
    assert [len(market.purchases(order_id)) for order_id in doubts.values()] == [1, 1]


async def _check_delivered(market: Market, orders: dict[Case, int]) -> None:
    await market.profiles(orders.values(), "ACTIVATED")
    for (_, provider), order_id in orders.items():
        assert market.net_charges(order_id) == [provider]
    await _check_books(market)


async def _check_books(market: Market) -> None:
    assert await market.lost() == []
    assert await market.misdelivered() == []
    assert await broken(market.engine) == []


async def _resolve(market: Market, order_id: int) -> None:
    """Decide as the provider's books say, as an operator does."""
    told = ["--absent"]
    if market.net_charges(order_id):
        [profile] = market.sold(order_id).profiles
        code = market.holds / f"{order_id}.code"
        code.write_text(f"LPA:1${SMDP_ADDRESS}${market.code(profile.iccid)}\n")
        told = ["--exists", "--iccid", profile.iccid, "--code-file", str(code)]
    await market.stack.esimctl("resolve", str(order_id), *told, "--reason", "it is in their books")


async def _by_hand(market: Market, function: str, order_id: int) -> None:
    """What the SM-DP+'s own people do to the profile that it reserved for an order."""
    folder = market.sandbox.folder
    context = ssl.create_default_context(cafile=folder / CA_FILE)
    context.load_cert_chain(folder / CLIENT_FILE)
    [profile] = market.sold(order_id).profiles
    url = f"{market.sandbox.base_url('ES2PLUS')}/gsma/rsp2/es2plus/{function}"
    body = {
        "header": {
            "functionRequesterIdentifier": ES2PLUS_REQUESTER,
            "functionCallIdentifier": f"by-hand:{order_id}",
        },
        "iccid": f"{profile.iccid}F",
        "releaseFlag": False,
        "finalProfileStatusIndicator": "Available",
    }
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        answer = await client.post(url, json=body, headers={"x-admin-protocol": "gsma/rsp/v2.2.0"})
    status = answer.json()["header"]["functionExecutionStatus"]["status"]
    assert status == "Executed-Success", answer.text
