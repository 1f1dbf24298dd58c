"""Reads a step's failure. Only its code crosses Temporal; what follows stands on its class."""

from datetime import timedelta

from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.exceptions import TimeoutError as StepTimeout

from domain.consequence import OnFailure
from domain.errors import EsimError, StepTimedOut, by_code
from domain.profile import ProfileStatus
from workflows.messages import Failure


def classify(error: FailureError) -> Failure:
    """Name a step's failure; `parks_as` is None if a later round may succeed by itself."""
    cause = cause_of(error)
    if isinstance(cause, StepTimeout) and isinstance(cause.cause, ApplicationError):
        cause = cause.cause  # what the step failed with before its budget ran out
    if isinstance(cause, ApplicationError):
        return _failure(cause.type or "unknown", cause.message, cause.next_retry_delay)
    if isinstance(cause, StepTimeout):
        return _failure(StepTimedOut.code, "The step did not finish in time.")
    return _failure("unknown", "The step failed for an unknown reason.")


def cause_of(error: FailureError) -> BaseException | None:
    """Find what the step itself raised: Temporal wraps an activity's failure, not a local one's."""
    return error.cause if isinstance(error, ActivityError) else error


def kind_of(failure: Failure) -> type[EsimError]:
    """Find the class that says what follows from a failure."""
    return by_code(failure.code)


def parked_state(failure: Failure) -> ProfileStatus:
    """Name the state in which an activation waits once rounds cannot help."""
    return failure.parks_as or ProfileStatus(kind_of(failure).parks_as)


def _failure(code: str, reason: str, retry_after: timedelta | None = None) -> Failure:
    kind = by_code(code)
    if kind.on_failure is OnFailure.NEXT_ROUND:
        wait = retry_after.total_seconds() if retry_after else None
        return Failure(code, reason, retry_after_seconds=wait)
    return Failure(code, reason, ProfileStatus(kind.parks_as))
