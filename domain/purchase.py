"""The life of a purchase: what we are about to send, have sent, and know of its outcome."""

from enum import StrEnum


class IntentState(StrEnum):
    """A provider intent's state. SQL shows the name, JSON the value."""

    INTENDED = "intended"
    SENT = "sent"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    RESOLVED = "resolved"


class Ambiguity(StrEnum):
    """What may be done when nobody knows whether a purchase was booked."""

    IDEMPOTENT = "idempotent"
    """The provider gives the same answer to the same reference: send it again."""
    LOOKUP = "lookup"
    """The provider can be asked for the reference: ask before sending again."""
    REVIEW = "review"
    """Neither: a person decides."""
