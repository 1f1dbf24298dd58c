"""One purchase of an order at a time, whoever holds which connection."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine, unpooled
from db.locks import PurchaseLock
from domain.errors import PurchaseUnderWay, StorageUnavailable
from tests.rows import run, value


async def test_a_second_holder_of_the_same_order_is_refused(engine: AsyncEngine) -> None:
    """Two workers, one order: the second learns that a purchase is under way."""
    async with PurchaseLock(engine).hold(42):
        with pytest.raises(PurchaseUnderWay):
            async with PurchaseLock(engine).hold(42):
                pass


async def test_other_orders_are_not_held_up(engine: AsyncEngine) -> None:
    """The lock is the order's, not the table's."""
    async with PurchaseLock(engine).hold(42), PurchaseLock(engine).hold(43):
        pass


async def test_it_ends_with_its_block_even_if_that_fails(engine: AsyncEngine) -> None:
    """A failed purchase leaves no lock behind, and its own error comes through."""
    lock = PurchaseLock(engine)
    with pytest.raises(ValueError, match="the purchase failed"):
        async with lock.hold(42):
            raise ValueError("the purchase failed")
    async with lock.hold(42):
        pass


@pytest.mark.parametrize("pooled", [True, False], ids=["pooled", "the lock's own"])
async def test_the_server_notices_that_a_host_has_gone(engine: AsyncEngine, pooled: bool) -> None:
    """Else a worker whose host is lost would keep its order's lock for two hours.

    Keepalives are for a silent connection, the timeout (ms) for one whose answer is not taken.
    """
    over_tcp = engine.url.host and not engine.url.host.startswith("/")
    assert over_tcp  # over a socket the server shows 0 for all of them
    asked = engine if pooled else unpooled(engine)
    names = ("keepalives_idle", "keepalives_interval", "keepalives_count", "user_timeout")
    shown = [await value(asked, f"SHOW tcp_{name}") for name in names]
    assert shown == ["10", "5", "3", "25000"]


async def test_a_database_that_is_away_is_said_so() -> None:
    """Nothing may be bought without the lock."""
    away = create_engine("postgresql+psycopg://esim@127.0.0.1:9/esim", connect_timeout_seconds=1)
    with pytest.raises(StorageUnavailable):
        async with PurchaseLock(away).hold(42):
            pass
    await away.dispose()


async def test_a_lock_whose_connection_is_gone_says_so(engine: AsyncEngine) -> None:
    """Asked right before a send: somebody else may hold the order by now."""
    async with PurchaseLock(engine).hold(42) as lock:
        await lock.check()
        await run(
            engine,
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        with pytest.raises(StorageUnavailable):
            await lock.check()
        async with PurchaseLock(engine).hold(42):
            pass
