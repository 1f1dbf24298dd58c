"""One purchase of an order at a time, across every worker.

A worker that is frozen between writing its purchase down and sending it wakes up after another
attempt began; the lock, held across the provider call by a connection of its own, keeps the two
apart. It goes with its connection: nothing is left behind by a worker that dies.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import unpooled
from db.errors import translate
from domain.errors import PurchaseUnderWay, StorageUnavailable

# A lock on a server that refuses writes holds nobody off: the others have theirs on the new one.
_WRITES = "current_setting('transaction_read_only') = 'off'"
_TAKE = text(
    f"SELECT {_WRITES} AS writes,"
    " pg_try_advisory_lock(hashtextextended('purchase', :order_id)) AS taken"
)
_PROBE = text(f"SELECT {_WRITES}")


class HeldLock:
    """A lock that is held, as long as its connection lives."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def check(self) -> None:
        """Make sure that nobody else can hold it now: to be asked right before a send.

        Raises:
            StorageUnavailable: the connection is gone, and the lock with it; or its server refuses
                writes, since another one has taken its place.
        """
        try:
            writes = await self._connection.scalar(_PROBE)
        except DBAPIError as error:
            raise translate(error) from None
        if not writes:
            raise _fenced_off()


class PurchaseLock:
    """Session-level advisory locks, on connections that the pool does not count."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = unpooled(engine)

    @asynccontextmanager
    async def hold(self, order_id: int) -> AsyncIterator[HeldLock]:
        """Hold the order's purchase until the block ends.

        Raises:
            PurchaseUnderWay: another attempt holds it; safe to try again later.
            StorageUnavailable: Postgres is away, or refuses writes.
        """
        async with AsyncExitStack() as held:
            try:
                connection = await held.enter_async_context(self._engine.connect())
                found = (await connection.execute(_TAKE, {"order_id": order_id})).one()
            except DBAPIError as error:
                raise translate(error) from None
            if not found.writes:
                raise _fenced_off()
            if not found.taken:
                raise PurchaseUnderWay(f"Another attempt is buying for order {order_id}.")
            yield HeldLock(connection)


def _fenced_off() -> StorageUnavailable:
    return StorageUnavailable("Postgres refuses writes: a lock there holds nobody off.")
