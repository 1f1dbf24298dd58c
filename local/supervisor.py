"""Starts children, keeps them until Ctrl-C, stops them in order."""

import asyncio
import itertools
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from local.keeper import Child, Keeper, Say
from local.process import StackFault


class Supervisor:
    """All children of one stack."""

    def __init__(self, say: Say, changed: Callable[[], None]) -> None:
        self._say = say
        self._changed = changed
        self._keepers: list[Keeper] = []
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    async def start(self, *children: Child) -> None:
        """Start children at once and wait until every one of them answers.

        Raises:
            StackFault: one of them did not start.
        """
        keepers = [Keeper(child, self._say, self._changed) for child in children]
        self._keepers += keepers
        await together(*(keeper.start() for keeper in keepers))

    async def run(self, start: Callable[[], Awaitable[None]]) -> None:
        """Start everything, keep it until Ctrl-C or SIGTERM, stop everything.

        A second signal kills what is still there. Signals only set flags: nothing to deadlock.

        Raises:
            StackFault: something did not start; all the rest has been stopped.
        """
        self._listen()
        stop = asyncio.ensure_future(self._stop.wait())
        startup = asyncio.ensure_future(start())
        try:
            await asyncio.wait({startup, stop}, return_when=asyncio.FIRST_COMPLETED)
            if startup.done():
                await startup
                await stop
        finally:
            await _cancel(startup, stop)
            await self._stop_all()

    def pids(self) -> dict[str, int]:
        """Return the present process of every child, by name."""
        return {keeper.child.name: keeper.pid for keeper in self._keepers if keeper.pid is not None}

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means it
            loop.add_signal_handler(signal.SIGHUP, self._on_signal)

    async def _stop_all(self) -> None:
        by_round = sorted(self._keepers, key=_stop_round)
        for _, keepers in itertools.groupby(by_round, key=_stop_round):
            await asyncio.gather(*(keeper.stop(self._hurry) for keeper in keepers))

    def _on_signal(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
            self._say("Killing what is left ...")
        else:
            self._stop.set()
            self._say("Stopping (Ctrl-C again kills) ...")


def _stop_round(keeper: Keeper) -> int:
    return keeper.child.stop_round


async def together(*steps: Coroutine[Any, Any, None]) -> None:
    """Run steps side by side; if one fails, give the others up.

    Raises:
        StackFault: the first fault.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except* StackFault as faults:
        first = faults.exceptions[0]
    else:
        return
    raise first


async def _cancel(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
