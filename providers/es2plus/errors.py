"""What an ES2+ function that reports "Failed" means to us (why: docs/providers/es2plus.md)."""

from collections.abc import Mapping
from enum import Enum, auto

from domain.errors import (
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderUnavailable,
)
from providers.es2plus.messages import Es2PlusFailure

ICCID_NO_TRANSITION = ("8.2.1", "3.5")
"""The profile is not in a state in which this function works."""
ICCID_IN_USE = ("8.2.1", "3.3")
"""The same of an ICCID that is ordered or cancelled; some servers say so wherever 3.5 is due."""
ICCID_UNKNOWN = ("8.2.1", "3.9")
MATCHING_ID_IN_USE = ("8.2.6", "3.3")
MATCHING_ID_OF_ANOTHER = ("8.2.6", "3.10")
EID_OF_ANOTHER = ("8.1.1", "3.10")


class ConfirmFailure(Enum):
    """What a failed ConfirmOrder says of the order that was accepted earlier."""

    DONE_BEFORE = auto()
    """An earlier ConfirmOrder of ours went through."""
    WRONG_STATE = auto()
    """An earlier ConfirmOrder of ours went through, if one may have; else it is not for us."""
    NOT_OURS = auto()
    """The SM-DP+ does not have the profile for us any more: a person must look."""
    LATER = auto()
    """It says nothing about the order, which is still there."""


def confirm_failure(failure: Es2PlusFailure) -> ConfirmFailure:
    """Say what a failed ConfirmOrder means: by default, that trying again may help."""
    return _CONFIRM.get((failure.subject, failure.reason), ConfirmFailure.LATER)


def download_error(failure: Es2PlusFailure) -> type[ProviderError]:
    """Say which error a failed DownloadOrder is: whether a profile may be reserved."""
    if (failure.subject, failure.reason) in _DOWNLOAD:
        return _DOWNLOAD[failure.subject, failure.reason]
    return ProviderRefused if failure.was_checked_first else ProviderOutcomeUnknown


def is_wrong_state(failure: Es2PlusFailure) -> bool:
    """Tell whether the profile is in another state than the function begins from."""
    return (failure.subject, failure.reason) in {ICCID_NO_TRANSITION, ICCID_IN_USE}


def release_error(failure: Es2PlusFailure) -> type[ProviderError]:
    """Say which error a failed ReleaseProfile is. It may be repeated, so none is "unknown"."""
    return ProviderRefused if failure.was_checked_first else ProviderUnavailable


def cancel_result(failure: Es2PlusFailure) -> bool | type[ProviderError]:
    """Say of a failed CancelOrder that it was done before, or cannot be done, or what to raise."""
    if (failure.subject, failure.reason) in _CANCEL:
        return _CANCEL[failure.subject, failure.reason]
    return ProviderRefused if failure.was_checked_first else ProviderOutcomeUnknown


_Codes = tuple[str | None, str | None]

_DOWNLOAD: Mapping[_Codes, type[ProviderError]] = {
    ("8.2.5", "3.7"): ProviderOutOfStock,
    # The SM-DP+ has chosen a profile that was taken meanwhile: its next choice is another one.
    ICCID_IN_USE: ProviderUnavailable,
}
_CONFIRM: Mapping[_Codes, ConfirmFailure] = {
    MATCHING_ID_IN_USE: ConfirmFailure.DONE_BEFORE,
    ICCID_NO_TRANSITION: ConfirmFailure.WRONG_STATE,
    ICCID_IN_USE: ConfirmFailure.WRONG_STATE,
    ICCID_UNKNOWN: ConfirmFailure.NOT_OURS,
    EID_OF_ANOTHER: ConfirmFailure.NOT_OURS,
}
_CANCEL: Mapping[_Codes, bool] = {
    # Confirmed with our matching id it was; it is not any more: cancelled before.
    MATCHING_ID_OF_ANOTHER: True,
    ICCID_IN_USE: False,
    ICCID_NO_TRANSITION: False,
    ICCID_UNKNOWN: False,
}
