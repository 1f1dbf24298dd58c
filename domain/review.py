"""What follows from a person's decision on a purchase whose outcome was unknown."""

from enum import StrEnum

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
