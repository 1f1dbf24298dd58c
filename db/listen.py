"""One LISTEN connection per process: who waits for an order learns that something happened.

A notification carries an order's id and nothing else, and may be missed while the connection is
down. So it only ever means "read again": waiters read before they wait, are woken on every
reconnection, and look by themselves now and then.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
from psycopg import AsyncConnection
from sqlalchemy.engine import make_url

from db.sessions import TRANSPORT, refuses_writes
from domain.errors import StorageUnavailable

CHANNEL = "esim_events"

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
# A silent connection is probed, so that one whose peer vanished is noticed.
_PROBE_AFTER_SECONDS = 15.0
_PROBE_TIMEOUT_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Subscription:
    """One waiter's view of one order."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    async def wait(self, timeout_seconds: float) -> bool:
        """Wait for news of the order; False if there was none in time."""
        try:
            async with asyncio.timeout(max(0.0, timeout_seconds)):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True

    def wake(self) -> None:
        """Make the waiter look."""
        self._news.set()


class Notifications:
    """Hears Postgres' notifications (LISTEN, NOTIFY) and wakes who waits for them.

    What providers tell us by themselves is a notice, and another matter: see `db/notices.py`.
    """

    def __init__(self, database_url: str, *, connect_timeout_seconds: float = 5) -> None:
        self._conninfo = (
            make_url(database_url)
            .set(drivername="postgresql")
            .render_as_string(hide_password=False)
        )
        self._connect_timeout_seconds = connect_timeout_seconds
        # By the id as notifications spell it: a payload may be any text.
        self._subscriptions: dict[str, set[Subscription]] = {}
        self.listening = False
        self.closing = False
        """Set at shutdown: waiters answer with what they know and leave."""

    @contextmanager
    def subscribe(self, subject: int | str) -> Iterator[Subscription]:
        """Hear of every committed event of an order, or of this very payload, from here on."""
        subscription, key = Subscription(), str(subject)
        self._subscriptions.setdefault(key, set()).add(subscription)
        try:
            yield subscription
        finally:
            waiting = self._subscriptions[key]
            waiting.discard(subscription)
            if not waiting:
                del self._subscriptions[key]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen in the background, through every loss of the connection, until the block ends."""
        task = asyncio.create_task(self._listen_for_ever(), name="notifications")
        try:
            yield
        finally:
            self.close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def close(self) -> None:
        """Tell every waiter to leave. Idempotent."""
        self.closing = True
        self._wake_all()

    async def _listen_for_ever(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                async with await self._connect() as connection:
                    await self._listen(connection)
            except Exception as error:  # noqa: BLE001 - if it ended, everybody would only poll
                log.warning("notifications_lost", cause=type(error).__name__)
            finally:
                listened, self.listening = self.listening, False
            pause = _FIRST_PAUSE_SECONDS if listened else min(pause * 2, _LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter

    async def _connect(self) -> AsyncConnection:
        return await AsyncConnection.connect(
            self._conninfo,
            autocommit=True,
            connect_timeout=max(1, round(self._connect_timeout_seconds)),
            application_name="esim-notifications",
            **TRANSPORT,
        )

    async def _listen(self, connection: AsyncConnection) -> None:
        await connection.execute(f"LISTEN {CHANNEL}")
        _check(connection)
        self.listening = True
        log.info("notifications_listening")
        self._wake_all()  # whatever was said before nobody heard
        while True:
            async for notice in connection.notifies(timeout=_PROBE_AFTER_SECONDS):
                self._wake(notice.payload)
            async with asyncio.timeout(_PROBE_TIMEOUT_SECONDS):
                await connection.execute("SELECT 1")
            _check(connection)

    def _wake(self, payload: str) -> None:
        for subscription in self._subscriptions.get(payload, ()):
            subscription.wake()

    def _wake_all(self) -> None:
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.wake()


def _check(connection: AsyncConnection) -> None:
    """Refuse to listen where nobody can write, and so nobody will ever say anything.

    Raises:
        StorageUnavailable: the server is a standby, or fenced off.
    """
    if refuses_writes(connection):
        raise StorageUnavailable("Postgres refuses writes.")
