"""An order's purchases in words, for `status` and `review`. Shows no code."""

from datetime import UTC, datetime
from typing import Any

from db.review_views import Review
from domain.purchase import OPEN, PurchaseState

Facts = dict[str, Any]

_SHOWN = (
    "id",
    "provider",
    "reference",
    "provider_order_id",
    "state",
    "attempts",
    "error_code",
    "error",
    "inventory_item_id",
    "created_at",
    "sent_at",
    "accepted_at",
    "absent_at",
    "closed_at",
    "released_at",
    "returned_at",
    "return_error",
    "downloaded_at",
    "resolution",
    "resolved_by",
    "resolved_reason",
)

_MOMENTS = {
    "created_at": "begun",
    "sent_at": "sent",
    "accepted_at": "accepted",
    "absent_at": "not found by a look-up",
    "closed_at": "closed",
    "released_at": "released",
    "returned_at": "given back",
    "downloaded_at": "downloaded",
}


def facts(purchase: Review) -> Facts:
    """List the facts to show, by name: a column added later must not show by itself."""
    return {name: getattr(purchase, name) for name in _SHOWN}


def headline(purchase: Facts) -> str:
    """Say which purchase it is, and what is known of its outcome."""
    outcome = str(purchase["state"])
    if purchase["state"] is PurchaseState.REFUSED and purchase["sent_at"] is None:
        outcome = "never sent"
    if purchase["state"] in OPEN:
        outcome += ", not settled"
    if purchase["state"] is PurchaseState.RESOLVED:
        by, reason = purchase["resolved_by"], purchase["resolved_reason"]
        outcome += f" as {purchase['resolution']} by {by}: {reason}"
    if purchase["inventory_item_id"] is not None:
        outcome += f" (item {purchase['inventory_item_id']})"
    known_as = purchase["provider_order_id"]
    called = f", there {known_as}" if known_as else ""
    return f"{purchase['reference']} at {purchase['provider']}{called}: {outcome}"


def details(purchase: Facts) -> dict[str, str]:
    """Say when, how often, and what came of it, as far as it is known."""
    times = [
        f"{word} {moment(purchase[name])}"
        for name, word in _MOMENTS.items()
        if purchase[name] is not None
    ]
    said = {
        "Attempts": str(purchase["attempts"]),
        "Times (UTC)": ", ".join(times),
        "Error": " ".join(filter(None, (purchase["error_code"], purchase["error"]))),
        "Not taken back": purchase["return_error"] or "",
    }
    return {name: text for name, text in said.items() if text}


def moment(when: datetime) -> str:
    """Write a time as the tables show it."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
