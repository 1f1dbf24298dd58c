"""Stock files for tests."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from domain.iccid import luhn_check_digit

CANARY = "CANARY-7F3A"
"""Part of every code in these files; nothing may print it."""

HEADER = (
    "plan_id",
    "carrier_id",
    "country_id",
    "activation_code",
    "iccid",
    "qr_payload",
    "instructions",
    "confirmation_code",
    "status",
)


def iccid(number: int) -> str:
    """A 19-digit ICCID that passes the Luhn check."""
    digits = f"8934{number:014}"
    return digits + luhn_check_digit(digits)


def row(number: int, **cells: object) -> dict[str, object]:
    """A sound row for plan 123; cells can be replaced."""
    code = f"1$smdp.example.com${CANARY}-{number}"
    sound = {"plan_id": 123, "activation_code": code, "iccid": iccid(number)}
    return sound | {"qr_payload": f"LPA:{code}", "instructions": "Scan, then wait"} | cells


def write(path: Path, rows: Sequence[Mapping[str, object]], header: Sequence[str] = HEADER) -> Path:
    """Write a CSV file as a spreadsheet would."""
    path.write_bytes(csv_bytes(rows, header))
    return path


def csv_bytes(
    rows: Sequence[Mapping[str, object]],
    header: Sequence[str] = HEADER,
    *,
    delimiter: str = ",",
    line_end: str = "\n",
) -> bytes:
    """A CSV file's bytes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header, delimiter=delimiter, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
