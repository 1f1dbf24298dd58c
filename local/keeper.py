"""Keeps one child running: starts it, waits until it answers, restarts it whenever it dies."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from local.process import Command, Process, StackFault, how_it_ended, spawn, tail

_POLL_SECONDS = 0.05
_ANSWER_WITHIN_SECONDS = 90
# A child that lived less than this died "quickly": the pauses before its next starts grow.
_QUICK_DEATH_SECONDS = 5
_PAUSES_SECONDS = (0, 0, 0.5, 1, 2, 5)
_QUICK_DEATHS_TO_EXPLAIN = 5

Say = Callable[[str], None]


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A command, how to know that it answers (given its pid), and what to do before each start.

    Children with a lower `stop_round` are stopped, and gone, before the others are asked to stop.
    """

    name: str
    command: Command
    is_ready: Callable[[int], bool]
    before_start: Callable[[], None] = _nothing
    stop_round: int = 1


class Keeper:
    """Keeps one child running."""

    def __init__(self, child: Child, say: Say, changed: Callable[[], None]) -> None:
        self.child = child
        self._say = say
        self._changed = changed
        self._process: Process | None = None
        self._started_at = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The child's newest process; None before its first start."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the child, wait until it answers, and restart it from now on.

        Raises:
            StackFault: it ended or stayed silent; holds the end of its log.
        """
        process = await self._spawn()
        if not await self._answers(process):
            ended = process.poll()
            how = "it does not answer" if ended is None else how_it_ended(ended)
            raise StackFault(f"{self.child.name} did not start ({how}).\n{self._last_words()}")
        self._task = asyncio.create_task(self._keep(process))

    async def stop(self, hurry: asyncio.Event) -> None:
        """Stop the child for good: ask, wait, kill; kill at once when in a hurry."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(self.child.command.stop_signal)
        if not await _ends(self._process, self.child.command.patience_seconds, hurry):
            self._process.kill()
            self._process.wait()

    async def _keep(self, process: Process) -> None:
        quick_deaths = 0
        while True:
            await _ends(process)
            lived_seconds = time.monotonic() - self._started_at
            quick_deaths = quick_deaths + 1 if lived_seconds < _QUICK_DEATH_SECONDS else 0
            self._tell_of(process, quick_deaths)
            await asyncio.sleep(_PAUSES_SECONDS[min(quick_deaths, _QUICK_DEATHS_TO_EXPLAIN)])
            process = await self._respawn()
            if await self._answers(process):
                self._say(f"{self.child.name} answers again (pid {process.pid}).")

    def _tell_of(self, dead: Process, quick_deaths: int) -> None:
        name, how = self.child.name, how_it_ended(dead.returncode)
        self._say(f"{name} (pid {dead.pid}) ended: {how}. Restarting it.")
        if quick_deaths == _QUICK_DEATHS_TO_EXPLAIN:
            self._say(
                f"{name} ended {quick_deaths} times within seconds. {self._last_words()}\n"
                f"Trying again every {_PAUSES_SECONDS[-1]} s."
            )

    def _last_words(self) -> str:
        log = self.child.command.log
        return f"The end of {log}:\n{tail(log)}"

    async def _respawn(self) -> Process:
        while True:
            try:
                return await self._spawn()
            except StackFault as fault:  # its program is gone: packages are being replaced
                self._say(f"{fault}. Trying again in {_PAUSES_SECONDS[-1]} s.")
                await asyncio.sleep(_PAUSES_SECONDS[-1])

    async def _spawn(self) -> Process:
        await asyncio.to_thread(self.child.before_start)
        # Here, in the main thread: the kernel's death signal follows the thread that forks.
        process = self._process = spawn(self.child.command)
        self._started_at = time.monotonic()
        self._changed()
        return process

    async def _answers(self, process: Process) -> bool:
        give_up = time.monotonic() + _ANSWER_WITHIN_SECONDS
        while process.poll() is None and time.monotonic() < give_up:
            if await asyncio.to_thread(self.child.is_ready, process.pid):
                return True
            await asyncio.sleep(_POLL_SECONDS)
        return False


async def run_once(name: str, command: Command, timeout_seconds: float = 120) -> None:
    """Run a command to its end.

    Raises:
        StackFault: it failed or took too long; holds the end of its log.
    """
    process = spawn(command)
    try:
        if not await _ends(process, timeout_seconds) or process.returncode:
            raise StackFault(f"{name} failed. The end of {command.log}:\n{tail(command.log)}")
    finally:
        process.kill()
        process.wait()


async def _ends(
    process: Process, within_seconds: float = math.inf, hurry: asyncio.Event | None = None
) -> bool:
    """Tell whether the process ends in time; False at once when in a hurry."""
    give_up = time.monotonic() + within_seconds
    while process.poll() is None:
        if time.monotonic() > give_up or (hurry and hurry.is_set()):
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True
