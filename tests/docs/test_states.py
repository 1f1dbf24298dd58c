"""The pictures of the three state machines show what the code allows."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from pathlib import Path

import pytest

from domain import profile, purchase, stock

DOCS = Path(__file__).parents[2] / "docs"
EDGE = re.compile(r"^ +(?P<source>\S+) --> (?P<target>[^\s:]+)", re.MULTILINE)

Edges = set[tuple[str, str]]


def drawn(page: str, heading: str) -> Edges:
    """Every arrow of the diagram below a heading."""
    section = (DOCS / page).read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    diagram = section.split("```mermaid\nstateDiagram-v2\n")[1].split("```")[0]
    return {(edge["source"], edge["target"]) for edge in EDGE.finditer(diagram)}


def inner(edges: Edges) -> Edges:
    """The arrows between two states."""
    return {edge for edge in edges if "[*]" not in edge}


@pytest.mark.parametrize(
    ("page", "heading", "table"),
    [
        ("guide.md", "The profile's states", profile.TRANSITIONS),
        ("guide.md", "The stock item's states", stock.TRANSITIONS),
        ("purchases.md", "The states", purchase.TRANSITIONS),
    ],
    ids=["profile", "stock", "purchase"],
)
def test_diagram_shows_exactly_the_legal_edges(
    page: str, heading: str, table: Mapping[StrEnum, AbstractSet[StrEnum]]
) -> None:
    """No arrow is missing and none is invented; whatever leads nowhere is an end."""
    edges = drawn(page, heading)
    legal = {(str(source), str(target)) for source in table for target in table[source]}
    assert inner(edges) == legal
    assert {source for source, target in edges if target == "[*]"} == {
        str(state) for state, targets in table.items() if not targets
    }
