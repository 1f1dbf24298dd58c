"""What an ES2+ function that reports "Failed" means to us (why: docs/providers/es2plus.md).

Reasons of class 1, 2, 3 and 6 (access, format, conditions, security) are found before anything
is done. With class 4 and 5 (processing, transport), or without a readable code, the SM-DP+ had
begun: what it reserved until then it may not know itself.
"""

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

_CHECKED_FIRST = frozenset({"1", "2", "3", "6"})

ICCID_STATE = ("8.2.1", "3.3")
"""The profile is not in a state in which this function works."""
ICCID_UNKNOWN = ("8.2.1", "3.9")
ICCID_NO_TRANSITION = ("8.2.1", "3.5")
MATCHING_ID_IN_USE = ("8.2.6", "3.3")
MATCHING_ID_OF_ANOTHER = ("8.2.6", "3.10")
EID_OF_ANOTHER = ("8.1.1", "3.10")


class ConfirmFailure(Enum):
    """What a failed ConfirmOrder says of the order that was accepted earlier."""

    DONE_BEFORE = auto()
    """An earlier ConfirmOrder of ours went through."""
    DONE_OR_BROKEN = auto()
    """An earlier ConfirmOrder went through, or the profile cannot be confirmed any more."""
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
    return ProviderRefused if _was_checked_first(failure) else ProviderOutcomeUnknown


def release_error(failure: Es2PlusFailure) -> type[ProviderError]:
    """Say which error a failed ReleaseProfile is. It may be repeated, so none is "unknown"."""
    return ProviderRefused if _was_checked_first(failure) else ProviderUnavailable


def cancel_result(failure: Es2PlusFailure) -> bool | type[ProviderError]:
    """Say of a failed CancelOrder that it was done before, or cannot be done, or what to raise."""
    if (failure.subject, failure.reason) in _CANCEL:
        return _CANCEL[failure.subject, failure.reason]
    return ProviderRefused if _was_checked_first(failure) else ProviderOutcomeUnknown


def _was_checked_first(failure: Es2PlusFailure) -> bool:
    return failure.reason_class in _CHECKED_FIRST


_Codes = tuple[str | None, str | None]

_DOWNLOAD: Mapping[_Codes, type[ProviderError]] = {
    ("8.2.5", "3.7"): ProviderOutOfStock,
    # The SM-DP+ has chosen a profile that was taken meanwhile: its next choice is another one.
    ICCID_STATE: ProviderUnavailable,
}
_CONFIRM: Mapping[_Codes, ConfirmFailure] = {
    MATCHING_ID_IN_USE: ConfirmFailure.DONE_BEFORE,
    ICCID_STATE: ConfirmFailure.DONE_OR_BROKEN,
    ICCID_UNKNOWN: ConfirmFailure.NOT_OURS,
    EID_OF_ANOTHER: ConfirmFailure.NOT_OURS,
}
_CANCEL: Mapping[_Codes, bool] = {
    # Confirmed with our matching id it was; it is not any more: cancelled before.
    MATCHING_ID_OF_ANOTHER: True,
    ICCID_STATE: False,
    ICCID_NO_TRANSITION: False,
    ICCID_UNKNOWN: False,
}
