"""Why a running workflow makes no progress although workers are there: its tasks fail.

A worker whose code cannot replay a history, or stumbles in it, fails the workflow task. Temporal
gives it out again for ever, and meanwhile no signal, query or timer of that run has an effect.
"""

from dataclasses import dataclass

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, WorkflowExecutionStatus, WorkflowTaskFailedCause
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import EngineUnavailable
from domain.redaction import as_note

# The failure stands behind the signals that came since then.
_EVENTS_LOOKED_AT = 200
_REPLAY = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR


@dataclass(frozen=True, slots=True)
class Standstill:
    """Why the last task of a run failed.

    Attributes:
        is_replay: the worker's code does not fit the run's history.
        reason: in the words of the worker, without a code.
    """

    is_replay: bool
    reason: str

    def __str__(self) -> str:
        """Say it in one sentence."""
        what = "cannot replay its history" if self.is_replay else "fails in its workflow code"
        return f"it stands still: the worker {what} ({self.reason})"


async def find_standstill(
    client: Client, workflow_id: str, run_id: str | None = None
) -> Standstill | None:
    """Ask Temporal why a run stands still; None if it does not, has ended, or is unknown.

    Raises:
        EngineUnavailable: Temporal does not answer.
    """
    execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id or "")
    try:
        if not await _is_repeating_a_task(client, execution):
            return None
        return await _last_failure(client, execution)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise EngineUnavailable(f"Temporal does not answer ({error.status.name}).") from None


async def _is_repeating_a_task(client: Client, execution: WorkflowExecution) -> bool:
    answer = await client.workflow_service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=execution)
    )
    running = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING
    is_running = answer.workflow_execution_info.status == running
    return is_running and answer.pending_workflow_task.attempt > 1


async def _last_failure(client: Client, execution: WorkflowExecution) -> Standstill | None:
    """Read the history backwards; a task that was completed since then has overcome it."""
    answer = await client.workflow_service.get_workflow_execution_history_reverse(
        GetWorkflowExecutionHistoryReverseRequest(
            namespace=client.namespace,
            execution=execution,
            maximum_page_size=_EVENTS_LOOKED_AT,
        )
    )
    for event in answer.history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            return None
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failed = event.workflow_task_failed_event_attributes
            return Standstill(failed.cause == _REPLAY, as_note(failed.failure.message))
    return None
