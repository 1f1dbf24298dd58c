"""The LISTEN connection: who is woken, and what happens when it is lost."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.listen import Notifications
from tests.rows import run, value

_KILL = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE application_name = 'esim-notifications' AND datname = current_database()"
)
_PATIENCE_SECONDS = 20


async def _listening(notifications: Notifications) -> None:
    """Until the connection listens: a new one wakes everybody."""
    with notifications.subscribe(0) as subscription:
        while not notifications.listening:
            await subscription.wait(0.05)


async def _notify(engine: AsyncEngine, payload: object) -> None:
    await run(engine, "SELECT pg_notify('esim_events', :payload)", payload=str(payload))


async def test_only_who_waits_for_the_order_is_woken(
    engine: AsyncEngine, database_url: str
) -> None:
    """Every subscriber of the order, none of another, and only once per piece of news."""
    notifications = Notifications(database_url)
    async with notifications.running():
        await _listening(notifications)
        with (
            notifications.subscribe(7) as first,
            notifications.subscribe(7) as second,
            notifications.subscribe(8) as other,
        ):
            await _notify(engine, 7)
            assert await first.wait(_PATIENCE_SECONDS)
            assert await second.wait(_PATIENCE_SECONDS)
            assert not await other.wait(0)
            assert not await first.wait(0)


async def test_news_before_the_wait_is_not_lost(engine: AsyncEngine, database_url: str) -> None:
    """Subscribe, then read, then wait: what came in between ends the wait at once."""
    notifications = Notifications(database_url)
    async with notifications.running():
        await _listening(notifications)
        with notifications.subscribe(7) as mine, notifications.subscribe(7) as witness:
            await _notify(engine, 7)
            assert await witness.wait(_PATIENCE_SECONDS)
            assert await mine.wait(0)


async def test_a_lost_connection_comes_back_and_wakes_everybody(
    engine: AsyncEngine, database_url: str
) -> None:
    """Whoever waited reads again, and later news arrives as before."""
    notifications = Notifications(database_url)
    async with notifications.running():
        await _listening(notifications)
        with notifications.subscribe(7) as subscription:
            for _ in range(3):
                assert await value(engine, _KILL) == 1
                assert await subscription.wait(_PATIENCE_SECONDS), "nobody was woken"
                await _listening(notifications)
            await subscription.wait(0)
            await _notify(engine, 7)
            assert await subscription.wait(_PATIENCE_SECONDS)


async def test_strange_payloads_do_no_harm(engine: AsyncEngine, database_url: str) -> None:
    """Anybody with the right to NOTIFY may say anything."""
    notifications = Notifications(database_url)
    async with notifications.running():
        await _listening(notifications)
        with notifications.subscribe(7) as subscription:
            for strange in ("", "x", "-1", "9" * 5000, "7"):
                await _notify(engine, strange)
            assert await subscription.wait(_PATIENCE_SECONDS)
            assert notifications.listening


async def test_thousands_may_wait_and_leave_nothing_behind(
    engine: AsyncEngine, database_url: str
) -> None:
    """Five thousand waiters for fifty orders, one connection, no memory of who left."""
    notifications = Notifications(database_url)

    async def waiter(order_id: int) -> bool:
        with notifications.subscribe(order_id) as subscription:
            return await subscription.wait(_PATIENCE_SECONDS)

    async with notifications.running():
        await _listening(notifications)
        waiters = [asyncio.create_task(waiter(1 + number % 50)) for number in range(5000)]
        await asyncio.sleep(0)
        for order_id in range(1, 51):
            await _notify(engine, order_id)
        assert all(await asyncio.gather(*waiters))
    assert notifications._subscriptions == {}  # noqa: SLF001 - nothing else shows it


async def test_closing_tells_everybody_to_leave(database_url: str) -> None:
    """Every wait ends at once, and says why."""
    notifications = Notifications(database_url)
    async with notifications.running():
        with notifications.subscribe(7) as subscription:
            notifications.close()
            assert await subscription.wait(_PATIENCE_SECONDS)
            assert notifications.closing


@pytest.mark.usefixtures("engine")
async def test_no_postgres_is_waited_out() -> None:
    """It neither raises nor listens; it goes on trying until it is told to end."""
    notifications = Notifications("postgresql+psycopg://esim:esim@127.0.0.1:1/esim")
    async with notifications.running():
        with notifications.subscribe(7) as subscription:
            assert not await subscription.wait(0.3)
        assert not notifications.listening
