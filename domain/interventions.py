"""When a person may steer an activation: the same rule for the API and the command line."""

from domain.errors import NotWaiting
from domain.order import OrderStatus
from domain.profile import OPEN, ProfileStatus


def check_retry(order_status: OrderStatus, status: ProfileStatus) -> None:
    """Refuse a retry that could not lead to an eSIM, before anything is started for it.

    A reserved eSIM passes: its run may have been terminated. If it runs, the workflow refuses.

    Raises:
        NotWaiting: the eSIM is there or has ended, or the order is not paid; with the reason.
    """
    if status not in OPEN:
        raise NotWaiting(f"The eSIM is {status}: there is nothing to retry.")
    if order_status is not OrderStatus.PAID:
        raise NotWaiting(f"The order is {order_status}: only a paid one is activated.")
