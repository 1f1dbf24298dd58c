"""The states of an order, as far as activation needs them."""

from enum import StrEnum


class OrderStatus(StrEnum):
    """An order's state. SQL shows the name, JSON the value."""

    CREATED = "created"
    PAID = "paid"
    PAYMENT_FAILED = "payment_failed"
    REFUNDED = "refunded"
