"""Files as they come from spreadsheets and scripts are read alike, or refused by line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.stock_import import Catalogue
from operations.stock_import.check import StockCheck
from operations.stock_import.file import Finding, parse_stock
from tests.cli.stock_rows import CANARY, csv_bytes, row

SOUND = csv_bytes([row(1), row(2)])


def cells_of(content: bytes) -> list[dict[str, str]]:
    """What was read, the file having no fault."""
    found = parse_stock(content)
    assert found.faults == []
    return [dict(record.cells) for record in found.records]


def faults_of(content: bytes) -> list[Finding]:
    """What is wrong; never with a code in it."""
    found = parse_stock(content)
    assert CANARY not in repr(found)
    return found.faults


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + SOUND,
        csv_bytes([row(1), row(2)], delimiter=";"),
        csv_bytes([row(1), row(2)], delimiter="\t"),
        csv_bytes([row(1), row(2)], line_end="\r\n"),
        csv_bytes([row(1), row(2)], line_end="\r"),
        SOUND.rstrip(b"\n"),
        SOUND + b"\n,,,,,,,,\n\n",
        b"\n" + SOUND,
        SOUND.replace(b"plan_id", b" PLAN_ID "),
    ],
    ids=[
        "bom",
        "semicolon",
        "tab",
        "crlf",
        "cr",
        "no-last-newline",
        "blank-rows",
        "blank-top",
        "header-case",
    ],
)
def test_every_common_form_gives_the_same_rows(content: bytes) -> None:
    """BOM, delimiter, line ends, blank rows and the header's case make no difference."""
    assert cells_of(content) == cells_of(SOUND)


def test_columns_are_found_by_name() -> None:
    """The order of the header is free."""
    reversed_header = tuple(reversed(list(row(1))))
    assert cells_of(csv_bytes([row(1)], reversed_header))[0]["plan_id"] == "123"


def test_quoted_cells_may_hold_delimiters_quotes_and_lines() -> None:
    """A row of several lines is one row; the next one's line number counts them all."""
    instructions = 'Scan,\nthen "wait"'
    found = parse_stock(csv_bytes([row(1, instructions=instructions), row(2)]))
    assert found.records[0].cells["instructions"] == instructions
    assert [record.line for record in found.records] == [2, 4]


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"", 1, "must name the columns"),
        (b"\n\n", 1, "must name the columns"),
        (SOUND.partition(b"\n")[2], 1, "must name the columns"),
        (SOUND.partition(b"\n")[0], 1, "no row below"),
        ("\ufeffplan_id".encode("utf-16-le"), 1, "UTF-16"),
        (SOUND + "2,,,é".encode("latin-1"), 4, "not UTF-8"),
        (SOUND + b'123,,,"1$smdp.example.com$CANARY-7F3A\n\n', 4, "not closed"),
        (SOUND + b'123,,,"1"$smdp.example.com$CANARY-7F3A\n', 4, "after its closing quote"),
        (SOUND + b"123,,,1$smdp.example.com$CANARY-7F3A\n", 4, "4 cells where"),
        (SOUND + b"1,2,3,4,5,6,7,8,9,CANARY-7F3A\n", 4, "10 cells where"),
        (SOUND.replace(b"carrier_id", b"plan_id"), 1, "twice"),
        (SOUND.replace(b"carrier_id", b"carier_id"), 1, "Did you mean carrier_id?"),
        (SOUND.replace(b"plan_id", b"offer"), 1, "header lacks it"),
        (b"plan_id,iccid\n123,1\n", 1, "neither this column nor qr_payload"),
    ],
)
def test_an_unreadable_file_is_refused_by_line(content: bytes, line: int, reason: str) -> None:
    """Each fault names its line and quotes no cell."""
    faults = faults_of(content)
    assert [fault.line for fault in faults] == [line]
    assert reason in faults[0].reason


def test_rows_after_an_uneven_one_are_still_read() -> None:
    """One short row costs itself alone."""
    found = parse_stock(SOUND.replace(b"\n", b"\nshort\n", 1))
    assert [fault.line for fault in found.faults] == [2]
    assert [record.line for record in found.records] == [3, 4]


def test_unknown_columns_are_ignored_and_named() -> None:
    """A name that could hold a code is named by its place."""
    content = csv_bytes([row(1)], (*row(1), "apn", f"1${CANARY}", ""))
    found = parse_stock(content)
    assert found.faults == []
    assert found.ignored_columns == ["apn", "column 7"]


@given(st.binary(max_size=200), st.integers(0, len(SOUND)), st.integers(0, 40))
def test_no_damage_raises_or_quotes_a_code(noise: bytes, at: int, cut: int) -> None:
    """Bytes put in or taken out anywhere end as rows and findings, whatever they are."""
    found = parse_stock(SOUND[:at] + noise + SOUND[at + cut :])
    check = StockCheck(Catalogue({}, frozenset(), {}), strict_luhn=False)
    for record in found.records:
        check.check(record)
    assert CANARY not in repr([found, check.faults, check.warnings])
