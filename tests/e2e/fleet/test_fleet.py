"""Two workers, four providers: what one of them is told, the other one heeds."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from activities.pause_points import PausePoint
from sandbox.sandbox import PROVIDERS
from tests.e2e.invariants import broken
from tests.e2e.purchase_stack import LOOKUP, Market, purchase_calls, running_market
from tests.rows import value
from workflows.messages import workflow_id

pytestmark = pytest.mark.stack

# Time enough for a slow machine to ask for all of them twice.
RETRY_AFTER_SECONDS = 15
CROWD = 12
# Whoever is asked second must differ from whoever is asked first.
SECOND = {provider: PROVIDERS[place - 1] for place, provider in enumerate(PROVIDERS)}


@pytest.fixture(scope="module")
async def market(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Market]:
    """A stack of two workers; no provider may take longer than three seconds."""
    folder = tmp_path_factory.mktemp("fleet")
    async with running_market(folder, workers=2, timeout_seconds=3) as running:
        yield running


async def _check_books(market: Market) -> None:
    assert await market.lost() == []
    assert await market.misdelivered() == []
    assert await broken(market.engine) == []


async def test_a_retry_after_is_kept_by_every_worker(market: Market) -> None:
    """One 429: a dozen orders at both workers, and none of them calls before the time is over.

    An impatient operator does not change that. Then all are served, and charged once.
    """
    provider, sandbox = "CONNECTED_YOU", market.sandbox
    plan_id = await market.plan(provider)
    orders = [await market.customer.buy(plan_id) for _ in range(CROWD)]
    sandbox.rule(provider, "rate_limited", retry_after=RETRY_AFTER_SECONDS)
    await market.activate(orders[0])
    await _failed(market, orders[:1], "provider-unavailable")
    [limited] = purchase_calls(sandbox, provider)
    assert limited.status == 429
    await asyncio.gather(*(market.activate(order_id) for order_id in orders[1:]))
    await _failed(market, orders[1:], "provider-held")
    await market.retry(orders)
    await _failed(market, orders, "provider-held", rounds=2)
    assert len(await _workers_of(market, orders)) == 2
    async with asyncio.timeout(2 * RETRY_AFTER_SECONDS):
        while await _is_blocked(market, provider):
            await asyncio.sleep(0.1)
    await market.retry(orders)
    await market.profiles(orders, "ACTIVATED")
    calls = purchase_calls(sandbox, provider)[1:]
    assert len(calls) == CROWD
    waited = min(call.monotonic_time for call in calls) - limited.monotonic_time
    assert waited >= RETRY_AFTER_SECONDS
    assert [market.net_charges(order_id) for order_id in orders] == [[provider]] * CROWD
    await _check_books(market)


async def test_a_paused_provider_is_left_alone_until_it_is_resumed(market: Market) -> None:
    """Its orders wait, or go to the next of their route; another provider's go on. Resume drains.

    Nobody is called at the paused one, by neither worker.
    """
    paused, other = "AIRALO", "ESIM_ACCESS"
    before = len(market.sandbox.calls(paused))
    plans = {
        "waits": await market.plan(paused),
        "fails over": await market.plan(paused, other),
        "goes on": await market.plan(other),
    }
    orders = {
        what: [await market.customer.buy(plan_id) for _ in range(4)]
        for what, plan_id in plans.items()
    }
    served = [*orders["fails over"], *orders["goes on"]]
    await market.stack.esimctl("pause", paused, "--reason", "it sells used codes")
    await asyncio.gather(*(market.activate(one) for some in orders.values() for one in some))
    await market.profiles(served, "ACTIVATED")
    await _failed(market, orders["waits"], "provider-held")
    assert len(market.sandbox.calls(paused)) == before
    assert [market.net_charges(order_id) for order_id in served] == [[other]] * 8

    await market.stack.esimctl("resume", paused, "--reason", "they have mended it")
    drained = await market.profiles(orders["waits"], "ACTIVATED")
    assert {row["failed_rounds"] for row in drained.values()} == {1}, "Not by the resume."
    assert [market.net_charges(one) for one in orders["waits"]] == [[paused]] * 4
    await _check_books(market)


async def test_what_one_provider_has_sold_out_the_next_one_sells(market: Market) -> None:
    """Each provider is sold out once: one charge at its neighbour, none at itself, no wait."""
    orders = {}
    for first, second in SECOND.items():
        plan_id = await market.plan(first, second, **{first: "SOLDOUT-1GB"})
        orders[first] = await market.customer.buy(plan_id)
    await asyncio.gather(*map(market.activate, orders.values()))
    served = await market.profiles(orders.values(), "ACTIVATED")
    assert {row["failed_rounds"] for row in served.values()} == {0}
    for first, order_id in orders.items():
        assert market.net_charges(order_id) == [SECOND[first]]
        assert await market.intents(order_id) == ["REFUSED", "CONFIRMED"]
    await _check_books(market)


async def test_a_provider_that_may_have_booked_is_not_failed_over(market: Market) -> None:
    """Each books and falls silent: the look-up, or a person, is asked, and never its neighbour."""
    orders = {}
    for first, second in SECOND.items():
        order_id = orders[first] = await market.customer.buy(await market.plan(first, second))
        market.sandbox.rule(first, "timeout_after_booking", reference=f"order-{order_id}")
    await asyncio.gather(*map(market.activate, orders.values()))
    for provider, order_id in orders.items():
        is_known = provider in LOOKUP
        await market.profiles([order_id], "ACTIVATED" if is_known else "NEEDS_REVIEW")
        assert await market.intents(order_id) == ["CONFIRMED" if is_known else "UNKNOWN"]
        assert [call.provider for call in market.purchases(order_id)] == [provider]
        assert market.net_charges(order_id) == [provider]
    await _check_books(market)


async def test_the_other_worker_does_not_buy_what_a_frozen_one_may_still_send(
    market: Market,
) -> None:
    """SIGSTOP before the send: the other worker is refused, nothing leaves; SIGCONT: one request.

    The frozen worker holds its orders as long as its connection to Postgres lives.
    """
    sellers = PROVIDERS * 2
    orders = [await market.customer.buy(await market.plan(seller)) for seller in sellers]
    holds = await asyncio.gather(*(market.hold(one, PausePoint.BEFORE_SEND) for one in orders))
    workers = {order_id: (await _workers_of(market, [order_id])).pop() for order_id in orders}
    frozen = workers[orders[0]]
    struck = [order_id for order_id in orders if workers[order_id] == frozen]
    os.kill(frozen, signal.SIGSTOP)
    try:
        async with asyncio.timeout(90):  # Temporal may hand the next attempt to the frozen one too
            while not any(await market.refused(struck)):
                await asyncio.sleep(0.2)
        assert [market.purchases(order_id) for order_id in struck] == [[]] * len(struck)
    finally:
        os.kill(frozen, signal.SIGCONT)
        for hold in holds:
            hold.release()
    await market.hurry(orders)
    await market.profiles(orders, "ACTIVATED")
    for seller, order_id in zip(sellers, orders, strict=True):
        assert len(market.purchases(order_id)) == 1
        assert market.net_charges(order_id) == [seller]
    await _check_books(market)


async def _failed(market: Market, orders: list[int], code: str, *, rounds: int = 1) -> None:
    """Until so many rounds of each order have failed, the last one like this."""
    query = (
        "SELECT count(*) FROM esim_profiles WHERE order_id = ANY(:ids) AND failure_code = :code"
        " AND failed_rounds >= :rounds AND status = 'PENDING_ACTIVATION'"
    )
    async with asyncio.timeout(60):
        while await value(market.engine, query, ids=orders, code=code, rounds=rounds) < len(orders):
            await asyncio.sleep(0.1)


async def _is_blocked(market: Market, provider: str) -> bool:
    query = "SELECT blocked_until > clock_timestamp() FROM provider_gates WHERE provider = :name"
    blocked: bool = await value(market.engine, query, name=provider)
    return blocked


async def _workers_of(market: Market, orders: list[int]) -> set[int]:
    """The pids of those who have tried to buy for these orders, or try to just now."""
    client = await market.temporal()
    found = await asyncio.gather(*(_identities(client, order_id) for order_id in orders))
    return {int(re.findall(r"\d+", identity)[0]) for some in found for identity in some}


async def _identities(client: Client, order_id: int) -> list[str]:
    handle = client.get_workflow_handle(workflow_id(order_id))
    history = await handle.fetch_history()
    started = (event.activity_task_started_event_attributes for event in history.events)
    pending = (await handle.describe()).raw_description.pending_activities
    return [
        *(one.identity for one in started if one.identity),
        *(one.last_worker_identity for one in pending if one.last_worker_identity),
    ]
