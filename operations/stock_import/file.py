"""A stock file as it comes: CSV from any spreadsheet, turned into cells by column name.

Nothing here quotes what a cell holds: with shifted columns, any cell may hold a code.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from domain.errors import InvalidInput
from operations.counting import counted

COLUMNS = (
    "plan_id",
    "carrier_id",
    "country_id",
    "country_iso2",
    "activation_code",
    "iccid",
    "qr_payload",
    "instructions",
    "confirmation_code",
    "status",
)
MAX_BYTES = 256 * 1024 * 1024

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DELIMITERS = ",;\t"
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
        if len(cells) == len(names):
            found.records.append(Record(line, dict(zip(names, cells, strict=True))))
        else:
            reason = f"{counted(len(cells), 'cell')} where the header names {len(names)}."
            found.faults.append(Finding(line, "", reason))
    if not found.records and not found.faults:
        raise _Unreadable(header_line, "There is a header and no row below it.")


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
    first_line = text.lstrip().partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield line, stripped
            line = reader.line_num + 1
    except csv.Error:
        reason = "A quoted cell is not closed, or goes on after its closing quote."
        raise _Unreadable(line, f"{reason} Lines below were not read.") from None


def _check_header(line: int, header: list[str], found: StockFile) -> list[str]:
    names = [name.lower() for name in header]
    if not set(names) & set(COLUMNS):
        raise _Unreadable(line, f"The first line must name the columns: {', '.join(COLUMNS)}.")
    for place, name in enumerate(names, start=1):
        if name in COLUMNS and name in names[: place - 1]:
            raise _Unreadable(line, "The header names this column twice.", name)
        if name not in COLUMNS:
            _set_aside(line, place, name, found, missing=set(COLUMNS) - set(names))
    if "plan_id" not in names:
        reason = "The header lacks it. Leave its cells blank for stock that fits any plan."
        found.faults.append(Finding(line, "plan_id", reason))
    if not {"activation_code", "qr_payload"} & set(names):
        reason = "The header has neither this column nor qr_payload."
        found.faults.append(Finding(line, "activation_code", reason))
    return names


def _set_aside(line: int, place: int, name: str, found: StockFile, missing: set[str]) -> None:
    """Ignore an unknown column, unless it looks like a known one that was misspelt."""
    shown = name if _SHOWABLE.fullmatch(name) else f"column {place}"
    meant = get_close_matches(name, missing, n=1, cutoff=0.75)
    if meant:
        found.faults.append(Finding(line, shown, f"Unknown. Did you mean {meant[0]}?"))
    elif name:
        found.ignored_columns.append(shown)
