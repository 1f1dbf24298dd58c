"""The stock item's state machine as one table."""

from itertools import product

import pytest

from domain.errors import IllegalTransition
from domain.stock import TRANSITIONS, StockStatus, check_transition

AVAILABLE, RESERVED, ASSIGNED, RETIRED = StockStatus


def test_table_names_every_state() -> None:
    """A state without a row would fail only in production."""
    assert set(TRANSITIONS) == set(StockStatus)


def test_every_state_is_reachable_from_available() -> None:
    """New stock can be held, given and retired."""
    assert TRANSITIONS[AVAILABLE] == {RESERVED, RETIRED}
    assert ASSIGNED in TRANSITIONS[RESERVED]


def test_retired_is_the_only_end() -> None:
    """Every item can be retired, and stays so."""
    assert {status for status, targets in TRANSITIONS.items() if not targets} == {RETIRED}
    assert all(RETIRED in TRANSITIONS[status] for status in (AVAILABLE, RESERVED, ASSIGNED))


def test_what_a_customer_had_is_never_sold_again() -> None:
    """An assigned item goes nowhere but out; only a held one goes back on the shelf."""
    assert TRANSITIONS[ASSIGNED] == {RETIRED}
    assert {status for status, targets in TRANSITIONS.items() if AVAILABLE in targets} == {RESERVED}


@pytest.mark.parametrize(("source", "target"), list(product(StockStatus, StockStatus)))
def test_check_follows_the_table(source: StockStatus, target: StockStatus) -> None:
    """An edge passes; any other pair, staying put included, raises and names both states."""
    if target in TRANSITIONS[source]:
        check_transition(source, target)
        return
    with pytest.raises(IllegalTransition, match=f"{source} to {target}"):
        check_transition(source, target)


def test_names_and_values_are_the_vocabulary() -> None:
    """SQL shows the name, JSON the same word in lower case."""
    assert all(status.value == status.name.lower() for status in StockStatus)
