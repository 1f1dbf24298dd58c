"""The edge where an activity's errors become what Temporal stores and retries by.

Only a domain error's code and its secret-free sentence cross; anything else is reduced to its
class name, because drivers and parsers quote values in their messages.
"""

from datetime import timedelta
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.consequence import Retry
from domain.errors import EsimError, ProviderError

INTERNAL_ERROR = "internal-error"
"""Failure type of anything that is not a domain error: a defect of ours."""

_WAITED_FOR_SECONDS = 5.0
"""A longer wait is the workflow's: people see it there, and it may ask another provider."""

log = structlog.get_logger(__name__)


class FailureEdge(Interceptor):
    """Install in every worker: no raw exception leaves an activity."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Wrap the activity in the translation."""
        return _Translation(next)


class _Translation(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        """Run the activity, and raise what Temporal may see in place of what it raised."""
        try:
            return await super().execute_activity(input)
        except EsimError as error:
            raise application_error(error) from None
        except ApplicationError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its text must not cross
            step = activity.info().activity_type
            log.error("activity_defect", activity=step, **_where(error))  # noqa: TRY400 - see above
            name = type(error).__name__
            raise ApplicationError(f"Unexpected {name}.", type=INTERNAL_ERROR) from None


def application_error(error: EsimError) -> ApplicationError:
    """Turn a domain error into Temporal's: its code becomes the type, its sentence the message."""
    wait = error.retry_after_seconds if isinstance(error, ProviderError) else None
    elsewhere = (wait or 0) > _WAITED_FOR_SECONDS
    return ApplicationError(
        error.message,
        type=error.code,
        non_retryable=elsewhere or error.retry is Retry.NEVER,
        next_retry_delay=timedelta(seconds=wait) if wait else None,
        category=(
            ApplicationErrorCategory.BENIGN
            if error.benign
            else ApplicationErrorCategory.UNSPECIFIED
        ),
    )


def _where(error: Exception) -> dict[str, str | int]:
    """Name class and place of a defect, which is enough to find it, and none of its values."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return {"error": type(error).__name__}
    code = frame.tb_frame.f_code
    return {
        "error": type(error).__name__,
        "file": code.co_filename,
        "line": frame.tb_lineno,
        "function": code.co_name,
    }
