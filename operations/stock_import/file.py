"""A stock file as it comes: CSV from any spreadsheet, turned into cells by column name.

Nothing here quotes what a cell holds: with shifted columns, any cell may hold a code.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from domain.errors import InvalidInput
from operations.counting import counted
from operations.stock_import.header import COLUMNS, column_of, misspelt

MAX_BYTES = 256 * 1024 * 1024

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DELIMITERS = ",;\t"
# What some spreadsheets write, and read, above the header.
_SEPARATOR_LINE = re.compile(r"""\s*"?sep=([^\w\s"]|\t)"?[ \t]*(?:[\r\n]|$)""", re.IGNORECASE)
# ="8901..." and '8901... keep a spreadsheet from rounding a number.
_FORMULA = re.compile(r'="(.*)"', re.DOTALL)
_FREE_TEXT = "instructions"
# A row may end before these; without any other of our columns it has most likely been cut off.
_MAY_BE_MISSING = frozenset({"instructions", "confirmation_code", "provider_reference", "status"})
# A column name that cannot be a code: it may be shown. Others are named by their place.
_SHOWABLE = re.compile(r"[a-z][a-z_ ]{0,39}")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about one line that a person should know. Holds no code.

    Attributes:
        line: counted as editors do, the header being line 1.
        column: empty if the whole line is meant.
    """

    line: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """One row's cells by column name, and the line it begins on."""

    line: int
    cells: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StockFile:
    """What a file holds: rows to check, what is wrong already, and what was not read."""

    records: list[Record] = field(repr=False)
    faults: list[Finding]
    ignored_columns: list[str]


class _Unreadable(Exception):
    """Reading cannot go on beyond this finding."""

    def __init__(self, line: int, reason: str, column: str = "") -> None:
        super().__init__(reason)
        self.finding = Finding(line, column, reason)


def read_stock_file(path: Path) -> StockFile:
    """Read a CSV file: UTF-8, with `,`, `;` or tab between cells, header names in any order.

    Raises:
        InvalidInput: there is no such file, or it cannot be opened.
    """
    try:
        if not path.is_file():
            raise InvalidInput(f"{path} is not a file.")
        if path.stat().st_size > MAX_BYTES:
            raise InvalidInput(f"{path} is larger than 256 MiB: split it, each with the header.")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from None
    return parse_stock(content)


def parse_stock(content: bytes) -> StockFile:
    """Turn a file's bytes into rows. Faults are findings, not exceptions."""
    found = StockFile([], [], [])
    try:
        _parse(content, found)
    except _Unreadable as unreadable:
        found.faults.append(unreadable.finding)
    return found


def _parse(content: bytes, found: StockFile) -> None:
    rows = _rows(_decode(content))
    header_line, header = next(rows, (1, []))
    names = _check_header(header_line, header, found)
    for line, cells in rows:
        if _lacks_or_exceeds(names, cells):
            reason = f"{counted(len(cells), 'cell')} where the header names {len(names)}."
            found.faults.append(Finding(line, "", reason))
        else:
            named = zip_longest(names, cells[: len(names)], fillvalue="")
            found.records.append(Record(line, {n: _unmarked(n, cell) for n, cell in named}))
    if not found.records and not found.faults:
        raise _Unreadable(header_line, "There is a header and no row below it.")


def _lacks_or_exceeds(names: list[str], cells: list[str]) -> bool:
    """Tell whether a row lacks a cell that counts, or has one with content too many."""
    missing = set(names[len(cells) :]) & set(COLUMNS)
    return any(cells[len(names) :]) or not missing <= _MAY_BE_MISSING


def _unmarked(name: str, cell: str) -> str:
    """Take off what only keeps a spreadsheet from taking a cell for a number."""
    if formula := _FORMULA.fullmatch(cell):
        return formula[1].strip()
    return cell if name == _FREE_TEXT else cell.removeprefix("'").strip()


def _decode(content: bytes) -> str:
    if content.startswith(_UTF16):
        raise _Unreadable(1, 'The file is UTF-16: save it as "CSV UTF-8".')
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _Unreadable(line, 'This line is not UTF-8: save the file as "CSV UTF-8".') from None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """List rows with any content, each with the line it begins on; cells are stripped."""
    declared = _SEPARATOR_LINE.match(text)
    first_line = text.lstrip().partition("\n")[0]
    delimiter = declared[1] if declared else max(_DELIMITERS, key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped) and declared is None:
                yield line, stripped
            elif any(stripped):
                declared = None  # that was its line
            line = reader.line_num + 1
    except csv.Error:
        reason = "A quoted cell is not closed, or goes on after its closing quote."
        raise _Unreadable(line, f"{reason} Lines below were not read.") from None


def _check_header(line: int, header: list[str], found: StockFile) -> list[str]:
    names = [column_of(name) or name.lower() for name in header]
    if not set(names) & set(COLUMNS):
        raise _Unreadable(line, f"The first line must name the columns: {', '.join(COLUMNS)}.")
    for place, name in enumerate(names, start=1):
        if name in COLUMNS and name in names[: place - 1]:
            raise _Unreadable(line, "The header names this column twice.", name)
        if name not in COLUMNS:
            _set_aside(line, place, name, found, present=set(names))
    if "plan_id" not in names:
        reason = "The header lacks it. Leave its cells blank for stock that fits any plan."
        found.faults.append(Finding(line, "plan_id", reason))
    in_two = {"smdp_address", "matching_id"} <= set(names)
    if not in_two and not {"activation_code", "qr_payload"} & set(names):
        reason = "The header has neither this column nor qr_payload."
        found.faults.append(Finding(line, "activation_code", reason))
    return names


def _set_aside(line: int, place: int, name: str, found: StockFile, present: set[str]) -> None:
    """Ignore an unknown column, unless it looks like a known one that was misspelt."""
    shown = name if _SHOWABLE.fullmatch(name) else f"column {place}"
    if meant := misspelt(name, present):
        found.faults.append(Finding(line, shown, f"Unknown. Did you mean {meant}?"))
    elif name:
        found.ignored_columns.append(shown)
