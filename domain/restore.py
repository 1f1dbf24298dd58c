"""Who must be asked about an order after a backup was restored, before anything is bought for it.

A purchase that was made after the backup is unknown to the database, and known to its seller by the
order's reference, which is the same for every attempt.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.purchase import Ambiguity

_FIRST_TO_LAST = (Ambiguity.LOOKUP, Ambiguity.REVIEW, Ambiguity.IDEMPOTENT)


@dataclass(frozen=True, slots=True)
class Sellers:
    """Those that may have sold an order something that the database has lost.

    Attributes:
        modes: what each of them allows while nobody knows, in the order of the plan's route.
        asked: those with a purchase of the order that is newer than the restore.
    """

    modes: Mapping[str, Ambiguity]
    asked: frozenset[str] = frozenset()

    @property
    def unasked(self) -> list[str]:
        """Those that are still to be asked; who can be looked up comes first.

        To ask an `idempotent` one is to buy there, unless it has sold before: it comes last.
        """
        left = [name for name in self.modes if name not in self.asked]
        return sorted(left, key=lambda name: _FIRST_TO_LAST.index(self.modes[name]))

    def needs_a_person(self, seller: str) -> bool:
        """Tell whether asking this one could be a second purchase, so that a person must."""
        others = any(name != seller for name in self.unasked)
        mode = self.modes.get(seller, Ambiguity.REVIEW)
        return mode is Ambiguity.REVIEW or (mode is Ambiguity.IDEMPOTENT and others)
