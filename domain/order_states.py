"""The states of an order and of a payment, as far as activation needs them."""

from enum import StrEnum


class OrderStatus(StrEnum):
    """An order's state. SQL shows the name, JSON the value."""

    CREATED = "created"
    PAID = "paid"
    PAYMENT_FAILED = "payment_failed"
    REFUNDED = "refunded"


class PaymentStatus(StrEnum):
    """A payment intent's state. SQL shows the name, JSON the value."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUNDED = "refunded"
