"""What Temporal remembers of an order's last run, for whoever compares it with the row."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from domain.profile import ProfileStatus
from workflows import messages
from workflows.messages import ActivationResult


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run of an order's activation.

    Attributes:
        ended_as: what the order had come to when it ended; None while it runs, and if it failed or
            was terminated, which says nothing of the order.
        item_id: the stock item that the customer was given.
    """

    started_at: datetime
    closed_at: datetime
    runs: bool = False
    ended_as: ProfileStatus | None = None
    item_id: int | None = None


async def read(client: Client, execution: WorkflowExecution) -> LastRun:
    """Read a run as it is now. Raises RPCError."""
    started_at, closed_at = execution.start_time, execution.close_time or datetime.now(UTC)
    status = execution.status
    if status is WorkflowExecutionStatus.COMPLETED:
        handle = client.get_workflow_handle(
            execution.id, run_id=execution.run_id, result_type=ActivationResult
        )
        result = await handle.result()
        return LastRun(started_at, closed_at, ended_as=result.status, item_id=result.item_id)
    if status is WorkflowExecutionStatus.CANCELED:
        shown = execution.typed_search_attributes.get(messages.ESIM_STATUS)
        ended_as = ProfileStatus.CANCELLED if shown == ProfileStatus.CANCELLED else None
        return LastRun(started_at, closed_at, ended_as=ended_as)
    return LastRun(started_at, closed_at, runs=status is WorkflowExecutionStatus.RUNNING)


async def orders_since(client: Client, task_queue: str, moment: datetime) -> AsyncIterator[int]:
    """List the orders of the runs that go on, or have ended since a moment. Raises RPCError."""
    ended = moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    query = (
        f"WorkflowType = '{messages.WORKFLOW}' AND TaskQueue = '{task_queue}'"
        f" AND (ExecutionStatus = 'Running' OR CloseTime >= '{ended}')"
    )
    async for execution in client.list_workflows(query):
        order_id = messages.order_id_of(execution.id)
        if order_id is not None:
            yield order_id
