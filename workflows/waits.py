"""Pauses by the clock: being woken early neither shortens what follows nor starts a pause over."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from temporalio import workflow

BY_THE_CLOCK = "by-the-clock"
"""Patch: who wakes an activation moves none of its pauses."""


class Waits:
    """Pauses one after the other; once all have run out, the one of afterwards, again and again."""

    def __init__(self, pauses: Sequence[timedelta], *, afterwards: timedelta) -> None:
        self._left = list(pauses)
        self._afterwards = afterwards
        self._ends: datetime | None = None

    @property
    def are_over(self) -> bool:
        """Whether every pause has run out."""
        return not self._left

    async def woken(self, condition: Callable[[], bool], summary: str) -> bool:
        """Wait for something, and go on with the same pause next time; False if it has run out."""
        if self._ends is None:
            self._ends = workflow.now() + (self._left[0] if self._left else self._afterwards)
        if await woken_within(self._ends - workflow.now(), condition, summary):
            if not workflow.patched(BY_THE_CLOCK):
                self._ends = None
            return True
        del self._left[:1]
        self._ends = None
        return False


async def woken_within(patience: timedelta, condition: Callable[[], bool], summary: str) -> bool:
    """Wait for something; False if it did not come in time."""
    try:
        await workflow.wait_condition(condition, timeout=patience, timeout_summary=summary)
    except TimeoutError:
        return False
    return True
