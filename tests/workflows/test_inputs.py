"""What is typed by hand: understood where it can be, and a sentence where it cannot."""

import json
from collections.abc import Sequence

import pytest

from domain.errors import InvalidInput
from workflows.inputs import Asked, started, understood
from workflows.messages import ActivationRequest, Intervention

UNNAMED = Intervention()


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([], UNNAMED),
        ([None], UNNAMED),
        ([{}], UNNAMED),
        (["  "], UNNAMED),
        (["the key was replaced"], Intervention(reason="the key was replaced")),
        (["{no JSON, but a reason"], Intervention(reason="{no JSON, but a reason")),
        (['"quoted once more"'], Intervention(reason="quoted once more")),
        (['{"actor": "ana", "reason": "from the UI"}'], Intervention("ana", "from the UI")),
        ([{"actor": "ana", "reason": None}], Intervention("ana")),
        ([{"reason": "a\0b\ud800"}], Intervention(reason="ab?")),
        ([{"provider": "AIRALO", "door": "api"}], Intervention(provider="AIRALO")),
        ([{"actor": "ana", "of_a_later_version": None}], Intervention("ana")),
    ],
)
def test_what_means_something_is_a_request(values: Sequence[object], wanted: Intervention) -> None:
    """A text is the reason, JSON in a text is read, and what Postgres refuses is cleaned."""
    asked = understood(values)
    assert (asked.request, asked.fault) == (wanted, None)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (["ana", "fixed"], "2 inputs were sent"),
        ([["fixed"]], "A list says nothing"),
        ([42], "A number says nothing"),
        ([True], "True or false says nothing"),
        ([b"bytes"], "That says nothing"),
        ([{"provder": "AIRALO"}], "There is no field provder: known are actor, reason"),
        ([{"actor": "ana", "reason": ["fixed"]}], "Its reason is no text"),
        ([{"LPA:1$smdp.example.com$CANARY": 1}], "There is no field .code withheld"),
    ],
)
def test_what_means_nothing_says_why(values: Sequence[object], fault: str) -> None:
    """A misspelt provider buys nowhere else; no fault quotes a value."""
    asked = understood(values)
    assert asked.fault is not None
    assert fault.replace(".code", "[code") in asked.fault


@pytest.mark.parametrize(
    ("value", "earlier"),
    [
        ({"actor": "ana"}, Intervention("ana")),
        ({"unknown": 1}, UNNAMED),
        (None, UNNAMED),
        ("please", None),
        (42, None),
        ({"actor": 5}, None),
    ],
)
def test_what_earlier_code_made_of_it_is_known(value: object, earlier: Intervention | None) -> None:
    """Histories of that time must replay: None is a signal that was dropped."""
    assert understood([value]).earlier == earlier


def test_a_request_is_read_the_same_each_time() -> None:
    """Nothing of it depends on the moment: replay sees what was seen."""
    assert understood(["x"]) == understood(["x"]) == Asked(Intervention(reason="x"))


@pytest.mark.parametrize("value", [{"order_id": 42}, '{"order_id": 42}'])
def test_a_start_names_its_order(value: object) -> None:
    """As a person types it, or as Temporal's UI wraps it."""
    assert started(value) == ActivationRequest(42)


def test_a_run_goes_on_as_it_was() -> None:
    """What a long wait hands to its next run is read whole, and a later version's silence too."""
    value = json.loads(
        '{"order_id": 42, "provider": "LOCAL", "failed_rounds": 3, "waiting_for":'
        ' {"code": "x", "reason": "y", "parks_as": "exhausted"}, "later": null}'
    )
    request = started(value)
    assert (request.provider, request.failed_rounds) == ("LOCAL", 3)
    assert request.waiting_for is not None
    assert request.waiting_for.parks_as is not None


@pytest.mark.parametrize(
    "value",
    [
        None,
        42,
        "42",
        [],
        {},
        {"order_id": "42"},
        {"order_id": True},
        {"order_id": 1.5},
        {"order_id": 0},
        {"order_id": 2**63},
        {"order_id": 42, "failed_rounds": "x"},
        {"order_id": 42, "waiting_for": "x"},
        {"order_id": 42, "provder": "AIRALO"},
    ],
)
def test_a_start_that_names_no_order_is_refused(value: object) -> None:
    """It would otherwise be retried for ever under the order's own workflow id."""
    with pytest.raises(InvalidInput):
        started(value)
