"""Notifications that come at once, in rows, and while somebody else changes their order."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import notices, profiles
from db.engine import transaction
from domain.notice import NoticeKind
from tests.notices import Shouter, Signer, noted, notice, purchase, receive
from tests.rows import paid_order, run, value

pytestmark = pytest.mark.usefixtures("catalogue")


async def until_blocked(engine: AsyncEngine) -> None:
    """Until a connection waits for another one's lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(4):
        while not await value(engine, waiting):
            await asyncio.sleep(0.01)


async def test_unsigned_notices_in_a_row_count_once(engine: AsyncEngine) -> None:
    """Anybody can send them: of one kind and order, one event and one look in half a minute."""
    order_id = await paid_order(engine)
    await purchase(engine, order_id, provider=Shouter.name)

    async def shout(number: int, kind: NoticeKind = NoticeKind.ORDER_READY) -> frozenset[int]:
        told = notice(kind, f"e-{number}", provider_order_id="P-1", trusted=False)
        return await receive(engine, told, provider=Shouter.name)

    heard_by = await asyncio.gather(*(shout(number) for number in range(10)))
    assert sorted(map(len, heard_by)) == [0] * 9 + [1]
    assert len(await noted(engine)) == 1
    assert await shout(10, NoticeKind.ORDER_FAILED) == {order_id}
    assert await shout(11) == frozenset()
    await run(engine, "UPDATE provider_webhooks SET received_at = now() - interval '1 minute'")
    assert await shout(12) == {order_id}
    assert len(await noted(engine)) == 3


async def test_a_notice_waits_for_whoever_changes_its_order(engine: AsyncEngine) -> None:
    """As every writer: nothing is stored while another transaction has the order's profile."""
    order_id = await paid_order(engine)
    await purchase(engine, order_id)
    told = notice(NoticeKind.ORDER_READY, provider_order_id="P-1")
    async with transaction(engine) as writer:
        await profiles.lock(writer, order_id)
        waiting = asyncio.create_task(receive(engine, told))
        await until_blocked(engine)
        assert not waiting.done()
    assert await waiting == {order_id}


async def test_orders_are_locked_lowest_first(engine: AsyncEngine) -> None:
    """A request that waits for its first order holds no other one: no two wait in a ring."""
    low, high = [await paid_order(engine) for _ in range(2)]
    for order_id in (low, high):
        await purchase(engine, order_id, provider_order_id=f"P-{order_id}")
    told = [
        notice(NoticeKind.ORDER_READY, event_id, provider_order_id=f"P-{order_id}")
        for event_id, order_id in (("e-1", high), ("e-2", low))
    ]
    async with transaction(engine) as writer:
        await profiles.lock(writer, low)
        waiting = asyncio.create_task(receive(engine, *told))
        await until_blocked(engine)
        await profiles.lock(writer, high)
    assert await waiting == {low, high}


async def test_events_are_stored_lowest_first(engine: AsyncEngine) -> None:
    """The same for events of nobody's order, however the provider sorts them."""
    first, second = [notice(NoticeKind.OTHER, event_id) for event_id in ("e-1", "e-2")]
    async with transaction(engine) as writer:
        await notices.receive(writer, Signer.name, [first])
        waiting = asyncio.create_task(receive(engine, second, first))
        await until_blocked(engine)
        await notices.receive(writer, Signer.name, [second])
    assert await waiting == frozenset()
    assert await value(engine, "SELECT count(*) FROM provider_webhooks") == 2
