"""Decides when an activation tries again by itself."""

from datetime import datetime, timedelta

from temporalio import workflow

from workflows import policies
from workflows.messages import Failure
from workflows.outcome import kind_of

_SHORT_ROUNDS = len(policies.ROUND_DELAYS)
_SHORTEST_PAUSE = timedelta(seconds=1)


class Rounds:
    """The automatic rounds, by the clock: one that somebody asks for in between moves none.

    Attributes:
        due: when the present pause ends; None if there is none.
    """

    def __init__(self, short: int = 0, outage: int = 0, due: datetime | None = None) -> None:
        """Go on after so many rounds of each kind."""
        self._passed = outage + (_SHORT_ROUNDS if outage else short)
        self.due = due

    @property
    def short(self) -> int:
        """Count the short pauses that have run out."""
        return min(self._passed, _SHORT_ROUNDS)

    @property
    def outage(self) -> int:
        """Count those of an outage that have; they come after all the short ones."""
        return self._passed - self.short

    def are_left(self, failure: Failure) -> bool:
        """Tell whether another round comes by itself; an outage gets many more."""
        allowed = _SHORT_ROUNDS
        if kind_of(failure).is_outage:
            allowed += policies.OUTAGE_ROUNDS
        return self._passed < allowed

    def plan(self, failure: Failure) -> timedelta:
        """Choose the pause after a failed round: what is left of the present one, or a new one.

        Longer if the provider asked for it.
        """
        now = workflow.now()
        due = now + self._pause(failure)
        if self.due is not None:
            due = min(due, self.due)
        asked_for = timedelta(seconds=failure.retry_after_seconds or 0)
        self.due = max(due, now + max(asked_for, _SHORTEST_PAUSE))
        return self.due - now

    def pass_one(self) -> None:
        """Note that the pause has run out."""
        self._passed += 1
        self.due = None

    def start_over(self) -> None:
        """Give the activation all its rounds again, because a person or new stock has come."""
        self._passed = 0
        self.due = None

    def _pause(self, failure: Failure) -> timedelta:
        """Choose the next pause.

        An outage's are spread, so that orders that failed together do not come back together.
        """
        is_short = self._passed < _SHORT_ROUNDS
        pause = policies.ROUND_DELAYS[self._passed] if is_short else policies.OUTAGE_WAIT
        if kind_of(failure).is_outage and pause >= policies.OUTAGE_WAIT:
            return policies.OUTAGE_WAIT * workflow.random().uniform(0.5, 1.5)
        return pause
