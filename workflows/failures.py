"""What a failed step means for the activation: wait and try again, or wait for a person."""

from datetime import timedelta

from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.exceptions import TimeoutError as StepTimeout

from domain.errors import (
    ActivationCancelled,
    FaultyStock,
    NeedsReview,
    OrderNotFound,
    OrderNotPaid,
    OrderNotYetPaid,
    ProviderHeld,
    ProviderOrderFailed,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderReplyUnusable,
    ProviderUnavailable,
    PurchaseUnderWay,
    StaleWrite,
    StorageUnavailable,
    UnknownProvider,
)
from domain.profile import ProfileStatus
from workflows.messages import Failure

STEP_TIMED_OUT = "step-timed-out"

FAILS_THE_RUN = frozenset({OrderNotFound.code, OrderNotYetPaid.code})
"""There is nothing to activate (yet): a later start is a new run."""

ENDS_THE_ACTIVATION = frozenset({OrderNotPaid.code, ActivationCancelled.code})
"""There is nothing to wait for any more: the activation is cancelled."""

FAILS_OVER = frozenset(
    {
        ProviderRefused.code,
        ProviderOutOfStock.code,
        ProviderOrderFailed.code,
        ProviderUnavailable.code,
        ProviderHeld.code,
    }
)
"""Nothing was booked, for certain: another provider may be asked."""

IS_AN_OUTAGE = frozenset(
    {ProviderUnavailable.code, ProviderHeld.code, ProviderOutcomeUnknown.code, STEP_TIMED_OUT}
)
"""The provider is not well, or not to be called: worth waiting for, for days if need be."""

_WAITING_HELPS = frozenset(
    {
        ProviderUnavailable.code,
        ProviderHeld.code,
        ProviderOutcomeUnknown.code,
        StorageUnavailable.code,
        PurchaseUnderWay.code,
        StaleWrite.code,
        FaultyStock.code,
        UnknownProvider.code,
        STEP_TIMED_OUT,
    }
)

_PARKS_AS = {
    ProviderOutOfStock.code: ProfileStatus.EXHAUSTED,
    ProviderOutcomeUnknown.code: ProfileStatus.NEEDS_REVIEW,
    ProviderReplyUnusable.code: ProfileStatus.NEEDS_REVIEW,
    NeedsReview.code: ProfileStatus.NEEDS_REVIEW,
}


def classify(error: FailureError) -> Failure:
    """Name a step's failure; `parks_as` is None if a later round may succeed by itself."""
    cause = cause_of(error)
    if isinstance(cause, StepTimeout) and isinstance(cause.cause, ApplicationError):
        cause = cause.cause  # what the step failed with before its budget ran out
    if isinstance(cause, ApplicationError):
        return _failure(cause.type or "unknown", cause.message, cause.next_retry_delay)
    if isinstance(cause, StepTimeout):
        return _failure(STEP_TIMED_OUT, "The step did not finish in time.")
    return _failure("unknown", "The step failed for an unknown reason.")


def cause_of(error: FailureError) -> BaseException | None:
    """What the step itself raised: an activity's failure is wrapped, a local activity's is not."""
    return error.cause if isinstance(error, ActivityError) else error


def parked_state(failure: Failure) -> ProfileStatus:
    """The state in which an activation waits once rounds cannot help."""
    return failure.parks_as or _PARKS_AS.get(failure.code, ProfileStatus.PROVISIONING_FAILED)


def _failure(code: str, reason: str, retry_after: timedelta | None = None) -> Failure:
    if code in _WAITING_HELPS:
        wait = retry_after.total_seconds() if retry_after else None
        return Failure(code, reason, retry_after_seconds=wait)
    return Failure(code, reason, _PARKS_AS.get(code, ProfileStatus.PROVISIONING_FAILED))
