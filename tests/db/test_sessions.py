"""Sessions are ours whatever the server's defaults are, and end when they are of no use."""

import os
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine, create_read_engine, transaction, unpooled
from db.listen import Notifications
from db.locks import PurchaseLock
from db.shared_reads import SharedReads
from domain.errors import StorageUnavailable
from tests.rows import run, value

WRITE = "INSERT INTO countries (iso2, name) VALUES ('ES', 'Spain') ON CONFLICT DO NOTHING"


class Switch:
    """Makes a database refuse writes, and take them again, as a switch-over does.

    The same that `failover-read-only.sh` does to the role, for a database of its own.
    """

    def __init__(self, admin: psycopg.Connection, name: str) -> None:
        self._admin = admin
        self._name = name

    def refuse_writes(self) -> None:
        """Send every connection to a server that reads only."""
        self.default("default_transaction_read_only", "on")
        self._admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [self._name],
        )

    def take_writes(self) -> None:
        """The new primary is there: new connections can write, and old ones stay as they are."""
        self.default("default_transaction_read_only", "off")

    def default(self, name: str, setting: str) -> None:
        """What a session is like unless it says otherwise."""
        self._admin.execute(f"ALTER DATABASE {self._name} SET {name} = '{setting}'")


@pytest.fixture
def switch(admin: psycopg.Connection, database_url: str) -> Switch:
    """Of the test's own database."""
    return Switch(admin, make_url(database_url).database or "")


async def _write(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        await connection.execute(text(WRITE))


async def _pid(engine: AsyncEngine) -> int:
    found: int = await value(engine, "SELECT pg_backend_pid()")
    return found


@pytest.mark.parametrize("check", [True, False], ids=["the API's pool", "the worker's pool"])
async def test_a_pool_that_was_filled_on_a_read_only_server_writes_afterwards(
    database_url: str, switch: Switch, check: bool
) -> None:
    """Case `failover-read-only.sh`: no connection outlives its refusal, so nobody restarts."""
    engine = create_engine(database_url, pool_size=3, check_connections=check)
    await _write(engine)
    switch.refuse_writes()
    for _ in range(4):
        with pytest.raises(StorageUnavailable):
            await _write(engine)
    switch.take_writes()
    for _ in range(4):
        await _write(engine)
    await engine.dispose()


async def test_a_refused_write_renews_the_whole_pool(database_url: str) -> None:
    """Those that nobody uses just now lead to the same server, whether it reports that or not."""
    engine = create_engine(database_url, pool_size=2)
    async with engine.connect() as one, engine.connect() as other:
        before = {await each.scalar(text("SELECT pg_backend_pid()")) for each in (one, other)}
    refusal = "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '25006'; END $$"
    with pytest.raises(StorageUnavailable):
        async with transaction(engine) as connection:
            await connection.execute(text(refusal))
    async with engine.connect() as one, engine.connect() as other:
        after = {await each.scalar(text("SELECT pg_backend_pid()")) for each in (one, other)}
    assert before.isdisjoint(after)
    await engine.dispose()


async def test_reads_go_on_meanwhile_and_come_back_to_the_new_server(
    database_url: str, switch: Switch
) -> None:
    """A session that refuses writes answers one read, and is not kept for another."""
    read_engine = create_read_engine(database_url, pool_size=1)
    reads = SharedReads(read_engine)

    async def ask() -> int:
        pid = await reads.read("pid", lambda one: one.scalar(text("SELECT pg_backend_pid()")))
        return int(pid or 0)

    switch.refuse_writes()
    assert len({await ask(), await ask()}) == 2
    switch.take_writes()
    await ask()
    assert await ask() == await ask()
    await read_engine.dispose()


async def test_nobody_holds_a_purchase_on_a_server_that_refuses_writes(
    engine: AsyncEngine, switch: Switch
) -> None:
    """Somebody else could hold the same on the new one; also if it turned so in between."""
    lock = PurchaseLock(engine)
    async with lock.hold(42) as held:
        await held._connection.execute(text("SET default_transaction_read_only = on"))  # noqa: SLF001
        with pytest.raises(StorageUnavailable):
            await held.check()
    switch.refuse_writes()
    with pytest.raises(StorageUnavailable):
        async with lock.hold(42):
            pass
    switch.take_writes()
    async with lock.hold(42):
        pass


async def test_listening_goes_on_at_the_new_server(
    engine: AsyncEngine, database_url: str, switch: Switch
) -> None:
    """Who listened on at the old one would hear nothing, and nobody would know."""
    notifications = Notifications(database_url)
    switch.refuse_writes()
    async with notifications.running():
        with notifications.subscribe(7) as subscription:
            assert not await subscription.wait(0.5)
            assert not notifications.listening
            switch.take_writes()
            assert await subscription.wait(20)  # a new connection wakes everybody
            await run(engine, "SELECT pg_notify('esim_events', '7')")
            assert await subscription.wait(20)


async def test_the_servers_defaults_do_not_matter(database_url: str, switch: Switch) -> None:
    """Other date styles and time zones are read by the driver wrongly, or not at all."""
    switch.default("datestyle", "SQL, DMY")
    switch.default("timezone", "America/New_York")
    switch.default("intervalstyle", "iso_8601")
    switch.default("client_encoding", "LATIN1")
    switch.default("standard_conforming_strings", "on")
    switch.default("default_transaction_isolation", "serializable")
    switch.default("lock_timeout", "0")
    engine = create_engine(database_url)
    for each in (engine, unpooled(engine)):
        moment = await value(each, "SELECT timestamptz '2026-03-04 05:06:07+02'")
        assert moment == datetime(2026, 3, 4, 3, 6, 7, tzinfo=UTC)
        assert moment.tzname() == "UTC"
        assert await value(each, "SELECT interval '1 day 2 hours'") == timedelta(days=1, hours=2)
        assert await value(each, "SELECT date '2026-03-04'::text || 'ł€'") == "2026-03-04ł€"
        assert await value(each, "SHOW transaction_isolation") == "read committed"
        assert await value(each, "SHOW lock_timeout") == "5s"
    await engine.dispose()


async def test_a_host_that_has_gone_is_noticed_within_half_a_minute(engine: AsyncEngine) -> None:
    """By default a write to it would hang for a quarter of an hour, and a read for two hours."""
    async with engine.connect() as connection:
        raw: Any = await connection.get_raw_connection()
        with socket.socket(fileno=os.dup(raw.driver_connection.fileno())) as tcp:
            assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
            assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 25_000
