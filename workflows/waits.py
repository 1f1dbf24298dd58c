"""Pauses by the clock: who is woken early goes on with the rest of the same pause."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from temporalio import workflow

from workflows import messages, policies


class Waits:
    """A row of pauses; once all have run out, `afterwards` is the pause each time."""

    def __init__(self, pauses: Sequence[timedelta], *, afterwards: timedelta) -> None:
        self._left = list(pauses)
        self._afterwards = afterwards
        self._ends: datetime | None = None

    @property
    def are_over(self) -> bool:
        """Tell whether every pause has run out."""
        return not self._left

    async def woken(self, condition: Callable[[], bool], summary: str) -> bool:
        """Wait for something; False if the pause runs out first.

        A wait that is woken leaves the pause as it is: the next one goes on with it.
        """
        if self._ends is None:
            self._ends = workflow.now() + (self._left[0] if self._left else self._afterwards)
        if await woken_within(self._ends - workflow.now(), condition, summary):
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


def is_flooded() -> bool:
    """Tell whether refused requests have made the history long, and none is being answered."""
    return (
        workflow.info().get_current_history_length() >= policies.FLOODED_HISTORY_EVENTS
        and workflow.all_handlers_finished()
        and workflow.patched(messages.FLOODED)
    )
