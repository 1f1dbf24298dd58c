"""The life of a stock item: one table of states and legal edges, mirrored by the database."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from domain.errors import IllegalTransition


class StockStatus(StrEnum):
    """A stock item's state. SQL shows the name (upper case), JSON the value (lower case)."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    ASSIGNED = "assigned"
    RETIRED = "retired"


_I = StockStatus

TRANSITIONS: Mapping[StockStatus, frozenset[StockStatus]] = MappingProxyType(
    {
        _I.AVAILABLE: frozenset({_I.RESERVED, _I.RETIRED}),
        _I.RESERVED: frozenset({_I.ASSIGNED, _I.AVAILABLE, _I.RETIRED}),
        _I.ASSIGNED: frozenset({_I.RETIRED}),
        _I.RETIRED: frozenset(),
    }
)


def check_transition(source: StockStatus, target: StockStatus) -> None:
    """Refuse an edge that the machine does not have.

    Raises:
        IllegalTransition: always when the edge is missing, staying put included.
    """
    if target not in TRANSITIONS[source]:
        raise IllegalTransition(f"A stock item cannot go from {source} to {target}.")
