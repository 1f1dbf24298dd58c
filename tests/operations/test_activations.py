"""The rule that the API and the command line share."""

import pytest

from domain.errors import NotWaiting
from domain.order import OrderStatus
from domain.profile import ENDED, OPEN, READY, TRANSITIONS, ProfileStatus
from operations.activations import check_retry


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
