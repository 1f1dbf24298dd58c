"""Starts, steers and asks an activation from outside: for the API and the command line."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    RawValue,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, FailureError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import EngineUnavailable, EsimError, NotWaiting, UnknownProvider
from domain.event import Door
from domain.profile import ProfileStatus
from domain.redaction import as_note
from workflows import messages, runs
from workflows.messages import ActivationRequest, ActivationState, Intervention
from workflows.runs import LastRun
from workflows.standstill import Standstill, find_standstill


class Started(StrEnum):
    """What asking for an activation came to."""

    RUNNING = "running"
    ENDED = "ended"
    """A finished run of this order is still remembered: nothing was started."""


class Activations:
    """The activations of one deployment. Every method may raise EngineUnavailable."""

    def __init__(self, client: Client, task_queue: str, door: Door = Door.API) -> None:
        self._client = client
        self._task_queue = task_queue
        self.door = door

    async def start(self, order_id: int, plan_id: int | None = None) -> Started:
        """Start an order's activation, or find the one that runs. Idempotent."""
        return await self._start(order_id, plan_id)

    async def restart(self, order_id: int, provider: str | None = None) -> Started:
        """Start again after a run that was terminated, timed out or lost.

        `provider`: buy there first, instead of along the plan's route.
        """
        return await self._start(
            order_id,
            None,
            reuse=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            provider=provider,
        )

    async def begin_anew(
        self, order_id: int, provider: str | None = None, *, cancel: Intervention | None = None
    ) -> Started:
        """Start again whatever the last run came to: its row has been lost (a restored backup).

        `provider` as for `restart`; with `cancel` it only ends as cancelled.
        """
        return await self._start(
            order_id,
            None,
            reuse=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            cancel=self._stamped(cancel) if cancel else None,
            provider=provider,
        )

    async def last_run(self, order_id: int) -> LastRun | None:
        """Tell what the order's last run came to; None if none is remembered."""
        try:
            return await runs.read(self._client, await self._handle(order_id).describe())
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise _unavailable() from None

    async def orders_since(self, moment: datetime) -> list[int]:
        """List the orders whose run goes on, or has ended since a moment."""
        try:
            found = runs.orders_since(self._client, self._task_queue, moment)
            return [order_id async for order_id in found]
        except RPCError:
            raise _unavailable() from None

    async def retry(self, order_id: int, request: Intervention) -> bool:
        """Make a waiting activation try again now; False if no run of it is there to be asked.

        Raises:
            NotWaiting: it is not waiting for a retry, with the reason why.
            UnknownProvider: nobody here buys from the provider asked for.
        """
        try:
            await self._handle(order_id).execute_update(
                messages.RETRY, self._stamped(request), result_type=ActivationState
            )
        except WorkflowUpdateFailedError as error:
            raise _refusal(error.cause) from None
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            raise _unavailable() from None
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise _unavailable() from None
            return False
        return True

    async def nudge(self, order_id: int, request: Intervention) -> None:
        """Ask for a retry without waiting for the answer; harmless if nothing waits."""
        await self._signal(order_id, messages.RETRY, self._stamped(request))

    async def tell_of_purchase(self, order_id: int) -> None:
        """Make a running activation look at its purchase now; harmless if none runs."""
        try:
            await self._handle(order_id).signal(messages.PURCHASE_NEWS)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise _unavailable() from None

    async def cancel(self, order_id: int, request: Intervention) -> Started:
        """Cancel an activation, even one that was never started or was terminated.

        It ends as cancelled, unless the customer has the eSIM already.
        """
        return await self._start(
            order_id,
            None,
            reuse=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            cancel=self._stamped(request),
        )

    async def state(self, order_id: int) -> ActivationState | None:
        """Ask where a running activation stands; None if none is known. Costly: for ops only."""
        try:
            state: ActivationState = await self._handle(order_id).query(
                messages.STATE, result_type=ActivationState
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise _unavailable() from None
        return state

    async def check(self) -> None:
        """Ask Temporal for a workflow that is not there, by each of our search attributes. Cheap.

        Raises:
            EngineUnavailable: it does not answer, or lacks an attribute.
        """
        known = " AND ".join(f"{attribute.name} IS NULL" for attribute in messages.ATTRIBUTES)
        try:
            await self._client.count_workflows(f"WorkflowId = 'readiness' AND {known}")
        except RPCError as error:
            if error.status is RPCStatusCode.INVALID_ARGUMENT:
                names = ", ".join(attribute.name for attribute in messages.ATTRIBUTES)
                raise EngineUnavailable(
                    f"Temporal lacks a search attribute; it needs {names}."
                ) from None
            raise EngineUnavailable(f"Temporal does not answer ({error.status.name}).") from None

    async def check_polled_by(self, identity: str) -> None:
        """Raise EngineUnavailable unless Temporal has seen this worker ask for work lately."""
        try:
            answer = await self._client.workflow_service.describe_task_queue(
                DescribeTaskQueueRequest(
                    namespace=self._client.namespace,
                    task_queue=TaskQueue(name=self._task_queue),
                    task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
                )
            )
        except RPCError as error:
            raise EngineUnavailable(f"Temporal does not answer ({error.status.name}).") from None
        if all(poller.identity != identity for poller in answer.pollers):
            raise EngineUnavailable("Temporal has not seen this worker ask for work.")

    async def standstill(self, order_id: int) -> Standstill | None:
        """Say why a running activation stands still; None if it does not."""
        return await find_standstill(self._client, messages.workflow_id(order_id))

    def _stamped(self, request: Intervention) -> RawValue:
        """Clean a request and say beside it by which door it comes.

        Histories are read by ops: no pasted code may get there.
        """
        clean = Intervention(as_note(request.actor), as_note(request.reason), request.provider)
        payload = self._client.data_converter.payload_converter.to_payload(clean)
        payload.metadata[messages.DOOR] = self.door.value.encode()
        return RawValue(payload)

    def _handle(self, order_id: int) -> WorkflowHandle[Any, Any]:
        return self._client.get_workflow_handle(messages.workflow_id(order_id))

    async def _signal(self, order_id: int, name: str, request: RawValue) -> None:
        try:
            await self._handle(order_id).signal(name, request)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise _unavailable() from None

    async def _start(
        self,
        order_id: int,
        plan_id: int | None,
        *,
        reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.REJECT_DUPLICATE,
        cancel: RawValue | None = None,
        provider: str | None = None,
    ) -> Started:
        try:
            await self._client.start_workflow(
                messages.WORKFLOW,
                ActivationRequest(order_id, provider),
                id=messages.workflow_id(order_id),
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=reuse,
                search_attributes=_search_attributes(order_id, plan_id),
                static_summary=f"Activate the eSIM of order {order_id}",
                start_signal=messages.CANCEL if cancel else None,
                start_signal_args=[cancel] if cancel else [],
            )
        except WorkflowAlreadyStartedError:
            return Started.ENDED
        except RPCError:
            raise _unavailable() from None
        return Started.RUNNING


def _search_attributes(order_id: int, plan_id: int | None) -> TypedSearchAttributes:
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(messages.ORDER_ID, order_id),
        SearchAttributePair(messages.ESIM_STATUS, ProfileStatus.PENDING_ACTIVATION.value),
    ]
    if plan_id is not None:
        pairs.append(SearchAttributePair(messages.PLAN_ID, plan_id))
    return TypedSearchAttributes(pairs)


def _refusal(cause: BaseException) -> EsimError:
    reason = cause.message if isinstance(cause, FailureError) else ""
    if isinstance(cause, ApplicationError) and cause.type == UnknownProvider.code:
        return UnknownProvider(reason)
    return NotWaiting(reason or "The activation does not wait for a retry.")


def _unavailable() -> EngineUnavailable:
    return EngineUnavailable("Temporal cannot be reached; it is safe to ask again.")
