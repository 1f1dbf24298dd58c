"""Writes what ops read in Temporal's UI: search attributes, and details that say what to do."""

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

with workflow.unsafe.imports_passed_through():
    from domain.profile import ProfileStatus

from workflows import messages
from workflows.messages import ActivationState, Failure

_WHAT_TO_DO = {
    ProfileStatus.PROVISIONING_FAILED: (
        "Mend the cause, then send the signal `retry` (or `esimctl retry {order}`)."
    ),
    ProfileStatus.EXHAUSTED: (
        "Import stock for this plan (`esimctl import-stock`) or send the signal `retry`."
    ),
    ProfileStatus.NEEDS_REVIEW: (
        "Ask the provider whether the order's reference was booked, then decide: "
        "`esimctl review {order}` shows what was sent and what came back, and "
        "`esimctl resolve {order}` takes the decision. `retry` will not buy again before; "
        "`cancel` ends the activation."
    ),
}


def _show(*updates: SearchAttributeUpdate[Any]) -> None:
    """Set the search attributes that would say something new: to set them costs a command."""
    shown = workflow.info().typed_search_attributes
    news = [update for update in updates if shown.get(update.key) != update.value]
    if news:
        workflow.upsert_search_attributes(news)


def waiting(state: ActivationState, failure: Failure) -> None:
    """Say that another round comes by itself."""
    _show(
        messages.ESIM_STATUS.value_set(ProfileStatus.PENDING_ACTIVATION.value),
        messages.FAILURE_CODE.value_set(failure.code),
        messages.PROVIDER.value_set(state.provider or "stock"),
    )
    workflow.set_current_details(
        f"**Round {state.failed_rounds} failed** (`{failure.code}`): {failure.reason}\n\n"
        f"Next round at {state.next_round_at}. "
        "Nothing needs doing; the signal `retry` starts it now."
    )


def parked(state: ActivationState, failure: Failure | None) -> None:
    """Say that nothing comes by itself any more, and what to do."""
    failure = failure or Failure("unknown", "The cause is not known.")
    status = failure.parks_as or ProfileStatus.PROVISIONING_FAILED
    _show(
        messages.ESIM_STATUS.value_set(status.value),
        messages.FAILURE_CODE.value_set(failure.code),
        messages.PROVIDER.value_set(state.provider or "stock"),
    )
    workflow.set_current_details(
        f"**Waiting for a person** after {state.failed_rounds} failed rounds "
        f"(`{failure.code}`): {failure.reason}\n\n"
        f"{_WHAT_TO_DO[status].format(order=state.order_id)}"
    )


def trying_again(state: ActivationState) -> None:
    """Say that a wait is over."""
    _show(
        messages.ESIM_STATUS.value_set(ProfileStatus.PENDING_ACTIVATION.value),
        messages.FAILURE_CODE.value_unset(),
    )
    workflow.set_current_details(f"Trying again after {state.failed_rounds} failed rounds.")


def ended(state: ActivationState, status: ProfileStatus) -> None:
    """Say that the activation is over, and how it ended."""
    _show(
        messages.ESIM_STATUS.value_set(status.value),
        messages.PROVIDER.value_set(state.provider or "stock"),
        messages.FAILURE_CODE.value_unset(),
    )
    item = f" with item {state.item_id}" if state.item_id else ""
    workflow.set_current_details(f"**Ended** as `{status.value}`{item}.")
