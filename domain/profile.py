"""The life of an eSIM profile: one table of states and legal edges.

The database mirrors `TRANSITIONS` in a trigger; a test compares the two. Picture:
docs/guide.md.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from domain.consequence import ParkedAs
from domain.errors import IllegalTransition


class ProfileStatus(StrEnum):
    """A profile's state. SQL shows the name (upper case), JSON the value (lower case)."""

    PENDING_ACTIVATION = "pending_activation"
    RESERVED = "reserved"
    ASSIGNED = "assigned"
    ACTIVATED = "activated"
    EXPIRED = "expired"
    PROVISIONING_FAILED = "provisioning_failed"
    EXHAUSTED = "exhausted"
    NEEDS_REVIEW = "needs_review"
    CANCELLED = "cancelled"


_P = ProfileStatus

READY = frozenset({_P.ASSIGNED, _P.ACTIVATED})
"""The customer can have the code."""

PARKED = frozenset(ProfileStatus(each) for each in ParkedAs)
"""The activation waits for stock, for a person, or for a signal."""

NEEDS_A_PERSON = PARKED - {_P.EXHAUSTED}
"""Neither waiting nor new stock helps: a customer who asks again changes nothing."""

OPEN = frozenset({_P.PENDING_ACTIVATION, _P.RESERVED}) | PARKED
"""No eSIM is assigned yet: the activation can be retried or cancelled."""

ENDED = frozenset({_P.ACTIVATED, _P.CANCELLED, _P.EXPIRED})
"""The activation has nothing left to do."""

TRANSITIONS: Mapping[ProfileStatus, frozenset[ProfileStatus]] = MappingProxyType(
    {
        _P.PENDING_ACTIVATION: frozenset({_P.RESERVED, _P.CANCELLED}) | PARKED,
        _P.RESERVED: frozenset({_P.ASSIGNED, _P.PENDING_ACTIVATION, _P.CANCELLED}),
        _P.ASSIGNED: frozenset({_P.ACTIVATED, _P.EXPIRED}),
        _P.ACTIVATED: frozenset({_P.EXPIRED}),
        _P.EXPIRED: frozenset(),
        _P.PROVISIONING_FAILED: frozenset({_P.PENDING_ACTIVATION, _P.CANCELLED}),
        _P.EXHAUSTED: frozenset({_P.PENDING_ACTIVATION, _P.CANCELLED}),
        _P.NEEDS_REVIEW: frozenset({_P.PENDING_ACTIVATION, _P.CANCELLED}),
        _P.CANCELLED: frozenset(),
    }
)


def check_transition(source: ProfileStatus, target: ProfileStatus) -> None:
    """Refuse an edge that the machine does not have.

    Raises:
        IllegalTransition: always when the edge is missing, staying put included.
    """
    if target not in TRANSITIONS[source]:
        raise IllegalTransition(f"A profile cannot go from {source} to {target}.")
