"""The kinds of event that an order's audit trail can hold."""

import re
from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
    """What happened. Stored and shown as the value."""

    ORDER_CREATED = "order_created"
    PAYMENT_SUCCEEDED = "payment_succeeded"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_REFUNDED = "payment_refunded"
    ACTIVATION_STARTED = "activation_started"
    INVENTORY_RESERVED = "inventory_reserved"
    INVENTORY_RELEASED = "inventory_released"
    INVENTORY_RETIRED = "inventory_retired"
    PURCHASE_SENT = "purchase_sent"
    PURCHASE_CONFIRMED = "purchase_confirmed"
    PURCHASE_REFUSED = "purchase_refused"
    PURCHASE_UNAVAILABLE = "purchase_unavailable"
    PURCHASE_UNKNOWN = "purchase_unknown"
    PURCHASE_HELD = "purchase_held"
    PURCHASE_ACCEPTED = "purchase_accepted"
    PURCHASE_ABSENT = "purchase_absent"
    PURCHASE_QUARANTINED = "purchase_quarantined"
    PURCHASE_RELEASED = "purchase_released"
    PURCHASE_RESOLVED = "purchase_resolved"
    PURCHASE_RETURNED = "purchase_returned"
    REPLY_SHOWN = "reply_shown"
    PROVIDER_NOTIFIED = "provider_notified"
    INVENTORY_RESTOCKED = "inventory_restocked"
    PROFILE_ASSIGNED = "profile_assigned"
    PROFILE_ACTIVATED = "profile_activated"
    ROUND_FAILED = "round_failed"
    PARKED = "parked"
    RETRY_REQUESTED = "retry_requested"
    CANCEL_REQUESTED = "cancel_requested"
    REQUEST_IGNORED = "request_ignored"
    RESUMED = "resumed"
    CANCELLED = "cancelled"


_NOTE_LENGTH = 500


_CODE = re.compile(r"(LPA:)?\b1\$\S+", re.IGNORECASE)


def without_codes(text: str) -> str:
    """The text with anything in it that looks like an activation code withheld."""
    return _CODE.sub("[code withheld]", text)


def as_note(text: str) -> str:
    """What a person wrote, so that the trail can hold it.

    Postgres refuses NUL and surrogates; a code that was pasted must not become evidence for ever.
    """
    clean = text.replace("\0", "").encode(errors="replace").decode()
    return without_codes(clean)[:_NOTE_LENGTH]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who caused a change, and from where.

    Attributes:
        actor: a person's name, `customer:<id>`, or the part of the system that acted.
        attempt: the activity attempt, None outside a workflow.
    """

    actor: str
    workflow_id: str | None = None
    run_id: str | None = None
    attempt: int | None = None
