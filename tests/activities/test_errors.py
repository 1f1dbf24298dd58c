"""What Temporal learns of a failed step: a code and a clean sentence, whatever was raised."""

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.errors import INTERNAL_ERROR, FailureEdge, application_error
from domain import errors
from domain.errors import EsimError, ProviderUnavailable

CANARY = "LPA:1$smdp.example.com$CANARY-11"


class _Step(ActivityInboundInterceptor):
    """An activity that raises."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ARG002 - the SDK's
        raise self._error


async def _cross(error: Exception) -> ApplicationError:
    """The error as it leaves a worker."""
    edge = FailureEdge().intercept_activity(_Step(error))
    step = ExecuteActivityInput(fn=lambda: None, args=[], executor=None, headers={})
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(edge.execute_activity, step)
    return caught.value


async def test_an_unexpected_error_keeps_nothing_but_its_class(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its text may quote a code: neither the failure nor the log does."""
    crossed = await _cross(ValueError(f"cannot parse {CANARY}"))
    assert (crossed.type, crossed.message) == (INTERNAL_ERROR, "Unexpected ValueError.")
    assert crossed.__cause__ is None
    output = capsys.readouterr()
    assert "CANARY" not in output.out + output.err
    assert "ValueError" in output.out + output.err


@pytest.mark.parametrize("error", EsimError.kinds(), ids=lambda error: error.__name__)
def test_every_domain_error_crosses_with_its_code_and_sentence(error: type[EsimError]) -> None:
    """The type is the code, the message the sentence, and the cause is not dragged along."""
    crossed = application_error(error("A sentence."))
    assert (crossed.type, crossed.message) == (error.code, "A sentence.")


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (errors.ProviderUnavailable, True),
        (errors.StorageUnavailable, True),
        (errors.StaleWrite, True),
        (errors.PurchaseUnderWay, True),
        (errors.ProviderOutcomeUnknown, True),
        (errors.NeedsReview, False),
        (errors.ProviderRefused, False),
        (errors.ProviderOutOfStock, False),
        (errors.OrderNotPaid, False),
        (errors.StorageFault, False),
    ],
)
def test_only_what_waiting_mends_is_retried(error: type[EsimError], retried: bool) -> None:
    """A definite no, a defect or a person's decision is not asked for again."""
    assert application_error(error("x")).non_retryable is not retried


def test_a_providers_retry_after_sets_the_next_attempt() -> None:
    """429 with Retry-After 30: the next attempt comes after 30 seconds, not before."""
    crossed = application_error(ProviderUnavailable("busy", retry_after_seconds=30))
    assert crossed.next_retry_delay is not None
    assert crossed.next_retry_delay.total_seconds() == 30
    assert crossed.category is ApplicationErrorCategory.BENIGN
