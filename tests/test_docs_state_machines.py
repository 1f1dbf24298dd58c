"""The pictures in docs/state-machines.md show what the code allows."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from pathlib import Path

import pytest

from domain import profile, stock
from domain.purchase import PurchaseState

PAGE = (Path(__file__).parent.parent / "docs" / "state-machines.md").read_text()
EDGE = re.compile(r"^ +(?P<source>\S+) --> (?P<target>[^\s:]+)", re.MULTILINE)

Edges = set[tuple[str, str]]


def drawn(heading: str) -> Edges:
    """Every arrow of the diagram below a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    diagram = section.split("```mermaid\nstateDiagram-v2\n")[1].split("```")[0]
    return {(edge["source"], edge["target"]) for edge in EDGE.finditer(diagram)}


def inner(edges: Edges) -> Edges:
    """The arrows between two states."""
    return {edge for edge in edges if "[*]" not in edge}


@pytest.mark.parametrize(
    ("heading", "table"),
    [
        ("Profile", profile.TRANSITIONS),
        ("Inventory item", stock.TRANSITIONS),
    ],
)
def test_diagram_shows_exactly_the_legal_edges(
    heading: str, table: Mapping[StrEnum, AbstractSet[StrEnum]]
) -> None:
    """No arrow is missing and none is invented; whatever leads nowhere is an end."""
    edges = drawn(heading)
    legal = {(str(source), str(target)) for source in table for target in table[source]}
    assert inner(edges) == legal
    assert {source for source, target in edges if target == "[*]"} == {
        str(state) for state, targets in table.items() if not targets
    }


def test_intent_diagram_names_every_state() -> None:
    """An intent's states are all drawn, and none is made up."""
    states = {state for edge in inner(drawn("Purchase")) for state in edge}
    assert states == {str(state) for state in PurchaseState}
