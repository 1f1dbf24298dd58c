"""Whether each row of a stock file can be stock: codes, ICCID, catalogue, duplicates.

No finding quotes a code. ICCIDs and catalogue ids may be quoted.
"""

import math
import re
from collections.abc import Callable, Container
from typing import TypeVar

from db.stock_import import Catalogue, StockRow
from domain.blank import is_nothing
from domain.codes import InstallCodes, confirmation_code, install_codes, instructions
from domain.errors import InvalidInput
from domain.iccid import looks_rounded, parse_iccid, rounded_by_chance
from domain.stock import StockStatus
from operations.stock_import.file import Finding, Record

T = TypeVar("T")

# Long enough for any catalogue, too short for a code that slipped into the wrong column.
_ID = re.compile(r"[0-9]{1,9}")
_ORDER_ID = re.compile(r"[0-9]{1,18}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_STATUSES = {
    "": StockStatus.AVAILABLE,
    "AVAILABLE": StockStatus.AVAILABLE,
    "RETIRED": StockStatus.RETIRED,
    "ASSIGNED": StockStatus.ASSIGNED,
}
_REFERENCE_LENGTH = 200
_UNLIKELY = 0.01


class _Rejected(Exception):
    """A cell that cannot be used."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class StockCheck:
    """Checks one file's rows, one after another, and collects what it finds.

    Args:
        strict_luhn: a wrong ICCID check digit is a fault, not a warning.
        round_iccids: somebody insists that ICCIDs which end in zeros are right.
    """

    def __init__(
        self, catalogue: Catalogue, *, strict_luhn: bool, round_iccids: bool = False
    ) -> None:
        self._catalogue = catalogue
        self._strict_luhn = strict_luhn
        self._round_iccids = round_iccids
        self._rounded: list[int] = []
        self._expected = 0.0
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
            instructions=instructions(self._take(record, _instructions)),
            confirmation_code=self._take(record, _confirmation_code),
            provider_reference=self._take(record, _provider_reference),
            status=self._take(record, _status) or StockStatus.AVAILABLE,
            order_id=self._take(record, self._order),
        )
        sound = len(self.faults) == faults_before
        if sound:
            self._check_scope(row)
        if codes:
            self._weigh(row, codes)
        return row if sound and len(self.faults) == faults_before else None

    def conclude(self) -> None:
        """Judge what only the whole file shows: ICCIDs that a spreadsheet has rounded.

        Among many thousands a few end in zeros by chance: those are a warning.
        """
        reason = (
            "Ends in zeros from the 16th digit on, as a spreadsheet leaves a long number: export"
            " the column as text. If these are the true numbers, say --round-iccids."
        )
        by_chance = _chance_of(len(self._rounded), self._expected) > _UNLIKELY
        for line in self._rounded:
            (self._warn if by_chance else self._fault)(line, "iccid", reason)

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
        code, payload = _cell(record, "activation_code"), _cell(record, "qr_payload")
        address, matching_id = _cell(record, "smdp_address"), _cell(record, "matching_id")
        if not (code or payload or matching_id):
            reason = "Blank, and no other column has a code to take in its place."
            raise _Rejected("activation_code", reason)
        column = "activation_code" if code or not payload else "qr_payload"
        try:
            return install_codes(code, payload, smdp_address=address, matching_id=matching_id)
        except InvalidInput as error:
            raise _Rejected(column, error.message) from None

    def _order(self, record: Record) -> int | None:
        """Read whom an ASSIGNED item was given to before the move; no other item has an order."""
        cell, status = _cell(record, "order_id"), record.cells.get("status", "").upper()
        if status != StockStatus.ASSIGNED.name:
            if cell is not None:
                raise _Rejected("order_id", "Only an item whose status is ASSIGNED has an order.")
            return None
        if cell is None or not _ORDER_ID.fullmatch(cell):
            raise _Rejected("order_id", "An ASSIGNED item needs the id of the order that has it.")
        self._check_first(record.line, "order_id", cell.lstrip("0"), f"Order {int(cell)}")
        return int(cell)

    def _iccid(self, record: Record) -> str | None:
        cell = _cell(record, "iccid")
        if cell is None:
            return None
        try:
            iccid = parse_iccid(cell, strict_luhn=self._strict_luhn)
        except InvalidInput as error:
            raise _Rejected("iccid", error.message) from None
        self._expected += rounded_by_chance(iccid.digits)
        if looks_rounded(iccid.digits) and not self._round_iccids:
            self._rounded.append(record.line)
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
        if self._check_first(row.line, "activation_code", codes.activation_code, "This code"):
            self._check_first(row.line, "qr_payload", codes.identity, "This code")
        for warning in codes.warnings:
            self._warn(row.line, "activation_code" if codes.installable else "qr_payload", warning)
        if codes.confirmation_required and not row.confirmation_code:
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


def _chance_of(count: int, expected: float) -> float:
    """Say how likely at least so many are, if this many are expected (Poisson)."""
    fewer = sum(math.exp(n * math.log(expected) - math.lgamma(n + 1)) for n in range(count))
    return 1 - math.exp(-expected) * fewer if count else 1.0


def _cell(record: Record, column: str) -> str | None:
    """Return what a cell says; None if it is blank or a word for nothing, such as NULL."""
    cell = record.cells.get(column, "")
    return None if is_nothing(cell) else cell


def _id(record: Record, column: str, known: Container[int]) -> int | None:
    # A plan is never left open by a word: such stock would fit every order.
    cell = record.cells.get(column, "")
    if not cell or (column != "plan_id" and is_nothing(cell)):
        return None
    if not _ID.fullmatch(cell):
        raise _Rejected(column, "Not a whole number of at most 9 digits.")
    if int(cell) not in known:
        raise _Rejected(column, f"There is no {column.removesuffix('_id')} {int(cell)}.")
    return int(cell)


def _text(record: Record, column: str) -> str | None:
    cell = _cell(record, column)
    if cell is not None and _CONTROL.search(cell):
        raise _Rejected(column, "Holds a control character.")
    return cell


def _instructions(record: Record) -> str | None:
    return _text(record, "instructions")


def _confirmation_code(record: Record) -> str | None:
    try:
        return confirmation_code(_text(record, "confirmation_code"))
    except InvalidInput as error:
        raise _Rejected("confirmation_code", error.message) from None


def _provider_reference(record: Record) -> str | None:
    reference = _text(record, "provider_reference")
    if reference is not None and len(reference) > _REFERENCE_LENGTH:
        raise _Rejected("provider_reference", f"Longer than {_REFERENCE_LENGTH} characters.")
    return reference


def _status(record: Record) -> StockStatus:
    cell = (_cell(record, "status") or "").upper()
    if cell == StockStatus.RESERVED.name:
        raise _Rejected(
            "status", "Only an activation makes an item RESERVED, for its order. Leave it blank."
        )
    if cell not in _STATUSES:
        raise _Rejected("status", "Neither blank, AVAILABLE, RETIRED nor ASSIGNED.")
    return _STATUSES[cell]
