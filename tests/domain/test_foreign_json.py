"""JSON of strangers: parsed within bounds, and refused as a domain error."""

import tracemalloc
from contextlib import suppress
from time import process_time

import pytest

from domain.errors import InvalidInput
from domain.foreign_json import MAX_CONTAINERS, MAX_DEPTH, may_be_deep, parse

MEBIBYTE = 2**20


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 900, 100_000])
def test_nesting_is_bounded(opening: str, levels: int) -> None:
    """Whole or cut off, at any depth: refused, and never a RecursionError."""
    closing = {"[": "]"}.get(opening, "}")
    whole = opening * levels + "1" + closing * levels
    for text in (whole, whole[:-1], whole.encode()):
        with pytest.raises(InvalidInput):
            parse(text)
    assert may_be_deep(whole.encode())


def test_what_is_no_deeper_is_read() -> None:
    """The last level that is allowed, and any width."""
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert parse(b"[" + b"{}," * (MAX_CONTAINERS - 1) + b"1]")
    assert not may_be_deep(b"[" * MAX_DEPTH)


@pytest.mark.parametrize("text", ["", "{", '"', "\ud800", b"\xff", "[1" + "0" * 5000 + "]", "nul"])
def test_what_is_no_json_is_said_to_be_none(text: str | bytes) -> None:
    """Whatever the parser raises becomes one error, which quotes nothing."""
    with pytest.raises(InvalidInput, match="no JSON"):
        parse(text)


@pytest.mark.parametrize("piece", ["[],", "{},", "1,", '"",', '"a",', "1e9,", '"\\\\",', "[[]],"])
def test_time_and_memory_grow_no_faster_than_the_text(piece: str) -> None:
    """A mebibyte of the worst JSON takes megabytes, and eight times what an eighth of it takes."""

    def spent(size: int) -> float:
        text = "[" + piece * (size // len(piece)) + "1]"
        started = process_time()
        with suppress(InvalidInput):
            parse(text)
        return process_time() - started

    assert spent(MEBIBYTE) < 24 * spent(MEBIBYTE // 8) + 0.2
    tracemalloc.start()
    spent(MEBIBYTE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * MEBIBYTE
