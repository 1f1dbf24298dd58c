"""How each kind of step is run: database steps inside the workflow task, provider calls outside."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.exceptions import TimeoutError as StepTimeout
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from activities.apply import Applied, Assignment, ProfileActivities
    from activities.deliver import DeliveryActivities
    from activities.progress import Ending, FailedRound, ProgressActivities, Request
    from activities.purchase.buy import ProviderActivities, PurchaseOrder
    from activities.reserve import Release, Reservation, ReservationRequest, StockActivities
    from activities.routes import RouteRequest, RoutingActivities
    from domain.consequence import Retry
    from domain.errors import by_code
    from domain.profile import ProfileStatus

from workflows import policies
from workflows.messages import provider_queue
from workflows.outcome import cause_of

ArgumentT = TypeVar("ArgumentT")
ResultT = TypeVar("ResultT")


async def reserve_inventory(request: ReservationRequest) -> Reservation:
    """Hold an item of stock; says who to buy from if there is none."""
    return await _database_step(
        StockActivities.reserve_inventory, request, "Reserve an item from stock"
    )


async def release_inventory(release: Release) -> None:
    """Undo a reservation or a purchase."""
    await _database_step(StockActivities.release_inventory, release, "Release what was held")


async def choose_provider(request: RouteRequest) -> str | None:
    """Name the next provider of the route, if there is one."""
    return await _database_step(
        RoutingActivities.choose_provider, request, "Look for another provider"
    )


async def find_unsettled(order_id: int) -> str | None:
    """Name the provider where an ended order's purchase is still to be settled, if any."""
    return await _database_step(
        RoutingActivities.find_unsettled, order_id, "Look for an open purchase"
    )


async def check_provider(name: str) -> None:
    """Refuse a provider that this deployment does not have."""
    await _database_step(RoutingActivities.check_provider, name, "Look for a provider")


async def call_provider(order: PurchaseOrder) -> int | None:
    """Buy one profile; return the id of its item, None if it is delivered later."""
    return await _provider_call(ProviderActivities.call_provider, order, "Buy from")


async def settle_purchase(order: PurchaseOrder) -> bool:
    """Find out about an ended order's purchase, and give it back if nobody needs it."""
    return await _provider_call(ProviderActivities.settle_purchase, order, "Settle with")


async def _provider_call(
    call: Callable[[Any, PurchaseOrder], Awaitable[ResultT]], order: PurchaseOrder, doing: str
) -> ResultT:
    """Call a provider on its own queue.

    A cancellation waits for the call to end: compensating while money is being spent would
    release what is just being bought.
    """
    return await workflow.execute_activity_method(
        call,
        order,
        task_queue=provider_queue(workflow.info().task_queue, order.provider),
        start_to_close_timeout=policies.PROVIDER_CALL_TIMEOUT,
        heartbeat_timeout=policies.PROVIDER_HEARTBEAT_TIMEOUT,
        schedule_to_close_timeout=policies.PROVIDER_BUDGET,
        retry_policy=policies.PROVIDER_RETRY,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=f"{doing} {order.provider}",
    )


async def apply_profile(assignment: Assignment) -> Applied:
    """Give the held item to the customer."""
    return await _database_step(
        ProfileActivities.apply_profile, assignment, f"Assign item {assignment.item_id}"
    )


async def deliver_instructions(order_id: int) -> None:
    """Tell the customer."""
    await _database_step(DeliveryActivities.deliver_instructions, order_id, "Hand over the eSIM")


async def record_failed_round(failed: FailedRound) -> None:
    """Say on the profile why a round gave no eSIM."""
    await _database_step(
        ProgressActivities.record_failed_round, failed, f"Record failure: {failed.code}"
    )


async def record_request(request: Request) -> None:
    """Put a person's request into the audit trail."""
    await _database_step(ProgressActivities.record_request, request, f"Record {request.kind}")


async def cancel_activation(ending: Ending) -> ProfileStatus:
    """End the activation for good."""
    return await _database_step(
        ProgressActivities.cancel_activation, ending, "Cancel the activation"
    )


async def _database_step(
    step: Callable[[Any, ArgumentT], Awaitable[ResultT]], argument: ArgumentT, summary: str
) -> ResultT:
    """Run a step inside the workflow task; if the database is away, as one that waits for it."""
    try:
        return await workflow.execute_local_activity_method(
            step,
            argument,
            start_to_close_timeout=policies.LOCAL_STEP_TIMEOUT,
            schedule_to_close_timeout=policies.LOCAL_STEP_BUDGET,
            retry_policy=policies.LOCAL_STEP_RETRY,
            summary=summary,
        )
    except FailureError as error:
        if not _database_is_away(error):
            raise
    return await workflow.execute_activity_method(
        step,
        argument,
        start_to_close_timeout=policies.PATIENT_STEP_TIMEOUT,
        retry_policy=policies.PATIENT_STEP_RETRY,
        summary=summary,
    )


def _database_is_away(error: FailureError) -> bool:
    cause = cause_of(error)
    if isinstance(cause, ApplicationError):
        return by_code(cause.type or "").retry is Retry.PATIENTLY
    return isinstance(cause, StepTimeout)
