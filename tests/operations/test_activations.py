"""The rule that the API and the command line share."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain.errors import EngineUnavailable, NotWaiting
from domain.order import OrderStatus
from domain.profile import ENDED, OPEN, READY, TRANSITIONS, ProfileStatus
from operations import activations as operations
from operations.activations import check_retry
from tests.rows import paid_order
from workflows.client import Activations
from workflows.messages import Intervention


@pytest.mark.parametrize("status", ProfileStatus)
@pytest.mark.parametrize("order_status", OrderStatus)
def test_only_a_paid_order_without_an_esim_can_be_retried(
    order_status: OrderStatus, status: ProfileStatus
) -> None:
    """Everything else is refused with the state that stands in the way."""
    if order_status is OrderStatus.PAID and status not in READY | ENDED:
        check_retry(order_status, status)
        return
    with pytest.raises(NotWaiting) as refused:
        check_retry(order_status, status)
    obstacle = status if status in READY | ENDED else order_status
    assert f"is {obstacle}:" in refused.value.message


def test_what_is_open_is_what_can_be_cancelled() -> None:
    """The named set and the state machine agree."""
    cancellable = {
        status for status, targets in TRANSITIONS.items() if ProfileStatus.CANCELLED in targets
    }
    assert cancellable == OPEN


@pytest.mark.usefixtures("catalogue")
async def test_a_cancel_that_no_worker_has_heard_is_not_called_taken(
    engine: AsyncEngine,
    temporal_client: Client,
    task_queue: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It stays in Temporal and may still be carried out, which the sentence says."""
    monkeypatch.setattr(operations, "_HEARD_WITHIN_SECONDS", 0.2)
    order_id = await paid_order(engine)
    activations = Activations(temporal_client, task_queue)
    with pytest.raises(EngineUnavailable, match="may still be carried out"):
        await operations.cancel(engine, activations, order_id, Intervention("ana", "fraud"))
