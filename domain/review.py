"""A purchase in doubt: what a person reads of it first, and what follows from a decision."""

from enum import StrEnum

from domain.errors import ProviderError, by_code
from domain.profile import OPEN, PARKED, ProfileStatus
from domain.purchase import Resolution


class FollowUp(StrEnum):
    """What the activation is asked to do once a decision is committed."""

    RETRY = "retry"
    CANCEL = "cancel"
    NOTHING = "nothing"
    """It has its eSIM, or has ended."""


_WAITING = PARKED | {ProfileStatus.PENDING_ACTIVATION}


def follow_up(resolution: Resolution, status: ProfileStatus) -> FollowUp:
    """Say what to ask of the activation of a profile in this state."""
    if resolution is Resolution.GIVEN_UP:
        return FollowUp.CANCEL if status in OPEN else FollowUp.NOTHING
    return FollowUp.RETRY if status in _WAITING else FollowUp.NOTHING


def says_more(told: str | None, found: ProviderError) -> bool:
    """Tell whether an earlier finding, by its code, stays the headline of a purchase in doubt.

    The weightiest stays: whoever reads only "the look-up was refused" of a purchase that was sold
    buys it again.
    """
    earlier = by_code(told) if told else ProviderError
    return issubclass(earlier, ProviderError) and earlier.weight > found.weight
