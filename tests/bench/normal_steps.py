"""A rival of our workflow: itself, with its database steps as normal activities."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RawValue

from workflows import policies, steps
from workflows.activate_esim import ActivateEsimWorkflow
from workflows.messages import ActivationResult

ArgumentT = TypeVar("ArgumentT")
ResultT = TypeVar("ResultT")


async def _normal_step(
    step: Callable[[Any, ArgumentT], Awaitable[ResultT]], argument: ArgumentT, summary: str
) -> ResultT:
    return await workflow.execute_activity_method(
        step,
        argument,
        start_to_close_timeout=policies.PATIENT_STEP_TIMEOUT,
        retry_policy=policies.PATIENT_STEP_RETRY,
        summary=summary,
    )


# Nobody but the rival's own process loads this file.
steps._database_step = _normal_step  # noqa: SLF001 - the one line in which the rival differs


# Dynamic as the real one, so that the same client starts it in the same way.
@workflow.defn(dynamic=True)
class NormalStepsWorkflow(ActivateEsimWorkflow):
    """What our workflow would be without local activities."""

    @workflow.init
    def __init__(self, inputs: Sequence[RawValue]) -> None:
        super().__init__(inputs)

    @workflow.run
    async def run(self, inputs: Sequence[RawValue]) -> ActivationResult:
        """As the real one."""
        return await super().run(inputs)
