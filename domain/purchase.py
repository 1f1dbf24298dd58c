"""The life of a purchase: what we are about to send, have sent, and know of its outcome."""

from enum import StrEnum


class PurchaseState(StrEnum):
    """A provider intent's state. SQL shows the name, JSON the value."""

    INTENDED = "intended"
    """Written down; nothing has left."""
    SENT = "sent"
    """The request leaves, or has left: without an outcome nobody knows whether it was booked."""
    ACCEPTED = "accepted"
    """The provider took the order on and delivers later."""
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    RESOLVED = "resolved"
    """A person has decided (`Resolution`)."""


class Resolution(StrEnum):
    """What a person decided about a purchase whose outcome was unknown."""

    EXISTS = "exists"
    """It was booked, and here is the code."""
    ABSENT = "absent"
    """It was not booked: buy again."""
    GIVEN_UP = "given_up"
    """Nothing more is tried for this order."""


class Ambiguity(StrEnum):
    """What may be done when nobody knows whether a purchase was booked."""

    IDEMPOTENT = "idempotent"
    """The provider gives the same answer to the same reference: send it again."""
    LOOKUP = "lookup"
    """The provider can be asked for the reference: ask before sending again."""
    REVIEW = "review"
    """Neither: a person decides."""
