"""The kinds of event that an order's audit trail can hold."""

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
    HISTORY_IMPORTED = "history_imported"
    INVENTORY_RESTOCKED = "inventory_restocked"
    PROFILE_ASSIGNED = "profile_assigned"
    PROFILE_ACTIVATED = "profile_activated"
    ROUND_FAILED = "round_failed"
    PARKED = "parked"
    RESTORED = "restored"
    RETRY_REQUESTED = "retry_requested"
    CANCEL_REQUESTED = "cancel_requested"
    REQUEST_IGNORED = "request_ignored"
    RESUMED = "resumed"
    CANCELLED = "cancelled"


class Door(StrEnum):
    """By which way a person's request came. Stored and shown as the value."""

    API = "api"
    CLI = "cli"
    SIGNAL = "signal"
    """Temporal's own UI or command line: who sent it is only claimed."""


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
