"""The states of a payment: money on its way to us."""

from enum import StrEnum


class PaymentStatus(StrEnum):
    """A payment intent's state. SQL shows the name, JSON the value."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUNDED = "refunded"
