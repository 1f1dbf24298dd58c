"""Whether each row of a stock file can be stock: codes, ICCID, catalogue, duplicates.

No finding quotes a code. ICCIDs and catalogue ids may be quoted.
"""

import re
from collections.abc import Callable, Container
from typing import TypeVar

from db.stock_import import Catalogue, StockRow
from domain.codes import MAX_LENGTH, InstallCodes, install_codes, parse_activation_code
from domain.errors import InvalidInput
from domain.iccid import parse_iccid
from domain.stock import StockStatus
from operations.stock_import.file import Finding, Record

T = TypeVar("T")

# Long enough for any catalogue, too short for a code that slipped into the wrong column.
_ID = re.compile(r"[0-9]{1,9}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LPA = "LPA:"
_IMPORTABLE = {
    "": StockStatus.AVAILABLE,
    "AVAILABLE": StockStatus.AVAILABLE,
    "RETIRED": StockStatus.RETIRED,
}


class _Rejected(Exception):
    """A cell that cannot be used."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class StockCheck:
    """Checks one file's rows, one after another, and collects what it finds."""

    def __init__(self, catalogue: Catalogue, *, strict_luhn: bool) -> None:
        self._catalogue = catalogue
        self._strict_luhn = strict_luhn
        self._country_ids = {iso2: id_ for id_, iso2 in catalogue.countries.items()}
        self._first_lines: dict[tuple[str, str], int] = {}
        self.faults: list[Finding] = []
        self.warnings: list[Finding] = []

    def check(self, record: Record) -> StockRow | None:
        """Return the row to import, or None if it has a fault."""
        faults_before = len(self.faults)
        plan_id = self._take(record, self._plan)
        carrier_id = self._take(record, self._carrier)
        country_id = self._take(record, self._country)
        codes = self._take(record, self._codes)
        row = StockRow(
            line=record.line,
            plan_id=plan_id,
            carrier_id=carrier_id,
            country_id=country_id,
            activation_code=codes.activation_code if codes else "",
            qr_payload=codes.qr_payload if codes else "",
            iccid=self._take(record, self._iccid),
            instructions=self._take(record, lambda record: _text(record, "instructions")),
            confirmation_code=self._take(record, lambda record: _text(record, "confirmation_code")),
            status=self._take(record, _status) or StockStatus.AVAILABLE,
        )
        sound = len(self.faults) == faults_before
        if sound:
            self._check_scope(row)
        if codes:
            self._weigh(row, codes)
        return row if sound and len(self.faults) == faults_before else None

    def _take(self, record: Record, read: Callable[[Record], T]) -> T | None:
        """Read a cell, or note a fault and return None: the other cells are still checked."""
        try:
            return read(record)
        except _Rejected as rejected:
            self._fault(record.line, rejected.column, rejected.reason)
            return None

    def _plan(self, record: Record) -> int | None:
        return _id(record, "plan_id", self._catalogue.plans)

    def _carrier(self, record: Record) -> int | None:
        return _id(record, "carrier_id", self._catalogue.carriers)

    def _country(self, record: Record) -> int | None:
        by_id = _id(record, "country_id", self._catalogue.countries)
        iso2 = record.cells.get("country_iso2", "").upper()
        if not iso2:
            return by_id
        by_iso2 = self._country_ids.get(iso2)
        if by_iso2 is None:
            raise _Rejected("country_iso2", "There is no country with this code.")
        if by_id not in (None, by_iso2):
            raise _Rejected("country_iso2", "Another country than country_id names.")
        return by_iso2

    def _codes(self, record: Record) -> InstallCodes:
        code, payload = (record.cells.get(name, "") for name in ("activation_code", "qr_payload"))
        column = "activation_code" if code else "qr_payload"
        if not code and payload[: len(_LPA)].upper() == _LPA:
            code = payload[len(_LPA) :]
        if not code:
            reason = "Blank, and there is no LPA string in qr_payload to take it from."
            raise _Rejected("activation_code", reason)
        try:
            codes = install_codes(code, payload or None)
        except InvalidInput as error:
            raise _Rejected(column, error.message) from None
        if len(codes.activation_code) > MAX_LENGTH:
            raise _Rejected(column, f"Longer than {MAX_LENGTH} characters.")
        return codes

    def _iccid(self, record: Record) -> str | None:
        cell = record.cells.get("iccid", "")
        if not cell:
            return None
        try:
            iccid = parse_iccid(cell, strict_luhn=self._strict_luhn)
        except InvalidInput as error:
            raise _Rejected("iccid", error.message) from None
        if not iccid.luhn_valid:
            reason = "The ICCID's last digit is not its Luhn check digit."
            self._warn(record.line, "iccid", reason)
        self._check_first(record.line, "iccid", iccid.digits, f"ICCID {iccid.digits}")
        return iccid.digits

    def _check_scope(self, row: StockRow) -> None:
        """Refuse a carrier or country that is not the plan's: it would never be given out."""
        if row.plan_id is None:
            if row.carrier_id is None and row.country_id is None:
                reason = "Fits every plan: plan, carrier and country are all blank."
                self._warn(row.line, "plan_id", reason)
            return
        plan = self._catalogue.plans[row.plan_id]
        for subject, given, own in (
            ("carrier", row.carrier_id, plan.carrier_id),
            ("country", row.country_id, plan.country_id),
        ):
            if given not in (None, own):
                belongs = f"is for {subject} {own}" if own else f"names no {subject}"
                reason = f"Plan {row.plan_id} {belongs}, this row is for {subject} {given}."
                self._fault(row.line, f"{subject}_id", f"{reason} Correct it or leave it blank.")

    def _weigh(self, row: StockRow, codes: InstallCodes) -> None:
        """Warn of what good codes still tell: seen before, not installable, not complete."""
        # The same profile, whichever way it is written; hosts know no case.
        payload = codes.qr_payload.lower() if codes.installable else codes.qr_payload
        if self._check_first(row.line, "activation_code", codes.activation_code, "This code"):
            self._check_first(row.line, "qr_payload", payload, "This code")
        if not codes.installable:
            reason = "Not installable by QR: the code names no SM-DP+ address."
            self._warn(row.line, "qr_payload", reason)
        elif not row.confirmation_code and _asks_for_confirmation(codes):
            reason = "The code asks for a confirmation code, and the row has none."
            self._warn(row.line, "confirmation_code", reason)

    def _check_first(self, line: int, column: str, key: str, subject: str) -> bool:
        """Tell whether no earlier line holds this; note a fault if one does."""
        first_line = self._first_lines.setdefault((column, key), line)
        if first_line != line:
            self._fault(line, column, f"{subject} is in line {first_line} already.")
        return first_line == line

    def _fault(self, line: int, column: str, reason: str) -> None:
        self.faults.append(Finding(line, column, reason))

    def _warn(self, line: int, column: str, reason: str) -> None:
        self.warnings.append(Finding(line, column, reason))


def _id(record: Record, column: str, known: Container[int]) -> int | None:
    cell = record.cells.get(column, "")
    if not cell:
        return None
    if not _ID.fullmatch(cell):
        raise _Rejected(column, "Not a whole number of at most 9 digits.")
    if int(cell) not in known:
        raise _Rejected(column, f"There is no {column.removesuffix('_id')} {int(cell)}.")
    return int(cell)


def _asks_for_confirmation(codes: InstallCodes) -> bool:
    # Most codes end with the matching id, and parsing them once more would cost a third.
    longer = codes.qr_payload.count("$") > 2  # noqa: PLR2004 - version, host, matching id
    return longer and parse_activation_code(codes.qr_payload).confirmation_required


def _text(record: Record, column: str) -> str | None:
    cell = record.cells.get(column, "")
    if _CONTROL.search(cell):
        raise _Rejected(column, "Holds a control character.")
    return cell or None


def _status(record: Record) -> StockStatus:
    cell = record.cells.get("status", "").upper()
    if cell in ("RESERVED", "ASSIGNED"):
        raise _Rejected(
            "status",
            f"Only an activation makes an item {cell}, for its order. Leave it blank, or write"
            " RETIRED for stock that was used elsewhere.",
        )
    if cell not in _IMPORTABLE:
        raise _Rejected("status", "Neither blank, AVAILABLE nor RETIRED.")
    return _IMPORTABLE[cell]
