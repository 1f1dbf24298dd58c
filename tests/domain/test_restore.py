"""Who is asked after a restore, in which order, and where only a person may ask."""

from itertools import permutations

import pytest

from domain.purchase import Ambiguity
from domain.restore import Sellers

MODES = {
    "sends again": Ambiguity.IDEMPOTENT,
    "is asked": Ambiguity.REVIEW,
    "looks up": Ambiguity.LOOKUP,
}


@pytest.mark.parametrize("route", list(permutations(MODES)))
def test_who_can_be_looked_up_is_asked_first_and_who_would_sell_last(route: tuple[str]) -> None:
    """Whatever the route; and each is asked once."""
    modes = {name: MODES[name] for name in route}
    assert Sellers(modes).unasked == ["looks up", "is asked", "sends again"]
    assert Sellers(modes, frozenset({"looks up"})).unasked == ["is asked", "sends again"]
    assert Sellers(modes, frozenset(modes)).unasked == []


@pytest.mark.parametrize(
    ("seller", "asked", "person"),
    [
        ("looks up", [], False),
        ("is asked", [], True),
        ("sends again", [], True),
        ("sends again", ["looks up"], True),
        ("sends again", ["looks up", "is asked"], False),
        ("sends again", ["looks up", "is asked", "sends again"], False),
        ("not of the route", [], True),
    ],
)
def test_a_person_asks_where_asking_could_be_a_second_purchase(
    seller: str, asked: list[str], person: bool
) -> None:
    """To send again to one while another may have sold is to buy twice."""
    assert Sellers(MODES, frozenset(asked)).needs_a_person(seller) is person


def test_of_two_that_are_sent_again_a_person_asks_the_first() -> None:
    """Either may have sold; once one is known not to have, the other may be sent to."""
    modes = {"A": Ambiguity.IDEMPOTENT, "B": Ambiguity.IDEMPOTENT}
    assert Sellers(modes).needs_a_person("A")
    assert not Sellers(modes, frozenset({"A"})).needs_a_person("B")
