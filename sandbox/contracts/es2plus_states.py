"""The states of a profile at an SM-DP+ (SGP.22 v2.x, section 3.1.6)."""

import re
from typing import Final

AVAILABLE: Final = "Available"
ALLOCATED: Final = "Allocated"  # ordered without an EID
LINKED: Final = "Linked"  # ordered for an EID
CONFIRMED: Final = "Confirmed"
RELEASED: Final = "Released"
DOWNLOADED: Final = "Downloaded"
INSTALLED: Final = "Installed"
ERROR: Final = "Error"
UNAVAILABLE: Final = "Unavailable"

CONFIRMABLE: Final = frozenset({ALLOCATED, LINKED})
CANCELLABLE: Final = frozenset({ALLOCATED, LINKED, CONFIRMED, RELEASED, ERROR})
TAKEN: Final = frozenset({DOWNLOADED, INSTALLED})  # by a device
# What cancelOrder may leave a profile in.
END_STATES: Final = frozenset({AVAILABLE, UNAVAILABLE})

_MATCHING_ID = re.compile(r"[0-9A-Z-]{1,200}")


def first_state(eid: str | None) -> str:
    """Choose the state of a profile that was just ordered."""
    return LINKED if eid else ALLOCATED


def is_matching_id(text: str) -> bool:
    """Tell whether SGP.22 allows it as a matching id."""
    return _MATCHING_ID.fullmatch(text) is not None
