"""What a process depends on is looked up seldom, whoever asks."""

import asyncio

from domain.errors import StorageUnavailable
from operations.readiness import Readiness


async def test_many_who_ask_share_one_look() -> None:
    """A hundred at once cost one look, a later one another; one who gives up stops nobody."""
    looks, may_end = 0, asyncio.Event()

    async def check() -> None:
        nonlocal looks
        looks += 1
        await may_end.wait()

    readiness = Readiness({"postgres": check}, every_seconds=0.2)
    asking = [asyncio.create_task(readiness.look()) for _ in range(100)]
    await asyncio.wait(asking, timeout=0.3)
    asking.pop().cancel()
    may_end.set()
    assert await asyncio.gather(*asking) == [{"postgres": "ok"}] * 99
    assert looks == 1
    await readiness.look()
    await readiness.look()
    assert looks == 2


async def test_a_check_that_fails_or_hangs_is_named() -> None:
    """The others are not touched, and nobody waits for ever."""

    async def away() -> None:
        raise StorageUnavailable("Postgres is away.")

    async def hang() -> None:
        await asyncio.Event().wait()

    async def well() -> None:
        pass

    readiness = Readiness({"a": away, "b": hang, "c": well}, deadline_seconds=0.05)
    found = {"a": "Postgres is away.", "b": "no answer in time", "c": "ok"}
    assert await readiness.look() == found
