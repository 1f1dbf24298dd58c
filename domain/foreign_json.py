"""JSON that a stranger wrote, parsed within bounds."""

import json
from collections.abc import Iterable

from domain.errors import InvalidInput

MAX_DEPTH = 32
"""Levels of objects and lists; what providers and clients send has fewer than ten."""
MAX_CONTAINERS = 10_000
"""Opening brackets, counted before anything is built of them: each costs far more than a letter."""


def parse(text: bytes | str) -> object:
    """Parse JSON. Takes time and memory in proportion to its length.

    Raises:
        InvalidInput: it is no JSON, or more than the limits above; quotes nothing of it.
    """
    if _openings(text) > MAX_CONTAINERS:
        raise InvalidInput(f"It has more than {MAX_CONTAINERS} objects and lists.")
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput("It is no JSON.") from None
    if is_deep(value):
        raise InvalidInput(f"It is nested deeper than {MAX_DEPTH} levels.")
    return value


def may_be_deep(text: bytes | str) -> bool:
    """Tell at once of most JSON that it cannot be nested too deep; of the rest, that it may be."""
    return _openings(text) > MAX_DEPTH


def is_deep(value: object) -> bool:
    """Tell whether a parsed value is nested deeper than `MAX_DEPTH`, without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return False
    return True


def _openings(text: bytes | str) -> int:
    if isinstance(text, str):
        return text.count("[") + text.count("{")
    return text.count(b"[") + text.count(b"{")


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
