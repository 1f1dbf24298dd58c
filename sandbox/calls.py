"""What was called, when, and how it ended. Kept in memory only."""

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sandbox.rules import Rule


class Ended(StrEnum):
    """How a call ended, as the sandbox saw it."""

    UNDER_WAY = "under way"
    REPLIED = "replied"
    CUT_OFF = "cut off"
    RESET = "reset"
    HUNG = "hung"
    CLIENT_LEFT = "client left"


@dataclass(slots=True, kw_only=True)
class Call:
    """One call.

    Attributes:
        status: the HTTP status of the reply; None if there was none.
        rules: what was made of it.
    """

    provider: str
    operation: str
    reference: str | None
    rules: tuple[Rule, ...] = ()
    status: int | None = None
    ended: Ended = Ended.UNDER_WAY
    wall_time: float = field(default_factory=time.time)
    monotonic_time: float = field(default_factory=time.monotonic)

    @property
    def rule(self) -> Rule | None:
        """The first rule that applied."""
        return self.rules[0] if self.rules else None

    @property
    def misbehaviours(self) -> list[str]:
        """The names of what was made of it."""
        return [rule.misbehaviour.value for rule in self.rules]

    def as_json(self) -> dict[str, Any]:
        """Write the call for the control API."""
        return {
            "provider": self.provider,
            "operation": self.operation,
            "reference": self.reference,
            "status": self.status,
            "ended": self.ended.value,
            "misbehaviours": self.misbehaviours,
            "rules": [rule.rule_id for rule in self.rules],
            "wall_time": self.wall_time,
            "monotonic_time": self.monotonic_time,
        }
