"""The profile's state machine as one table."""

from itertools import product

import pytest

from domain.errors import IllegalTransition
from domain.profile import PARKED, READY, TRANSITIONS, ProfileStatus, check_transition

PENDING = ProfileStatus.PENDING_ACTIVATION


def reachable_from(start: ProfileStatus) -> set[ProfileStatus]:
    """Every state that some sequence of edges leads to."""
    found, frontier = {start}, [start]
    while frontier:
        new = TRANSITIONS[frontier.pop()] - found
        found |= new
        frontier += new
    return found


def test_table_names_every_state() -> None:
    """A state without a row would fail only in production."""
    assert set(TRANSITIONS) == set(ProfileStatus)


def test_every_state_is_reachable() -> None:
    """A new profile can come to every state."""
    assert reachable_from(PENDING) == set(ProfileStatus)


def test_only_expired_and_cancelled_are_final() -> None:
    """Every other state has a way on."""
    final = {status for status, targets in TRANSITIONS.items() if not targets}
    assert final == {ProfileStatus.EXPIRED, ProfileStatus.CANCELLED}


@pytest.mark.parametrize("status", sorted(PARKED))
def test_waiting_states_return_to_pending(status: ProfileStatus) -> None:
    """A retry starts the activation anew; the only other way on is cancellation."""
    assert TRANSITIONS[status] == {PENDING, ProfileStatus.CANCELLED}


@pytest.mark.parametrize("status", sorted(ProfileStatus))
def test_cancellation_ends_where_the_customer_has_the_code(status: ProfileStatus) -> None:
    """What was assigned can no longer be cancelled, nor go back to stock."""
    targets = TRANSITIONS[status]
    if status in READY:
        assert not targets - READY - {ProfileStatus.EXPIRED}
    else:
        assert (ProfileStatus.CANCELLED in targets) == bool(targets)


def test_assignment_needs_a_reservation() -> None:
    """Nothing but a reserved profile becomes ready."""
    sources = {status for status, targets in TRANSITIONS.items() if targets & READY}
    assert sources == {ProfileStatus.RESERVED, ProfileStatus.ASSIGNED}


@pytest.mark.parametrize(("source", "target"), list(product(ProfileStatus, ProfileStatus)))
def test_check_follows_the_table(source: ProfileStatus, target: ProfileStatus) -> None:
    """An edge passes; any other pair, staying put included, raises and names both states."""
    if target in TRANSITIONS[source]:
        check_transition(source, target)
        return
    with pytest.raises(IllegalTransition, match=f"{source} to {target}"):
        check_transition(source, target)


def test_names_and_values_are_the_vocabulary() -> None:
    """SQL shows the name, JSON the same word in lower case."""
    assert all(status.value == status.name.lower() for status in ProfileStatus)
