"""Stock files from the field (`tests/cases/`): read as they are meant, or refused by line."""

from collections.abc import Sequence

from db.stock_import import Catalogue, PlanScope, StockRow
from operations.stock_import.check import StockCheck
from operations.stock_import.file import Finding, parse_stock
from tests.cases import case

_CATALOGUE = Catalogue({1: PlanScope("World 1GB", None, None)}, frozenset(), {})
_BOM = b"\xef\xbb\xbf"


def _read(content: bytes, *, round_iccids: bool = False) -> tuple[list[StockRow], list[Finding]]:
    """What such a file would bring into stock, and its faults."""
    file = parse_stock(content)
    check = StockCheck(_CATALOGUE, strict_luhn=False, round_iccids=round_iccids)
    rows = [row for record in file.records if (row := check.check(record))]
    check.conclude()
    return rows, file.faults + check.faults


def _stock(name: str, **insist: bool) -> list[StockRow]:
    """The rows of a file without a fault; a byte-order mark makes no difference."""
    rows, faults = _read(case(name), **insist)
    assert faults == []
    assert _read(_BOM + case(name), **insist) == (rows, [])
    return rows


def _codes(rows: Sequence[StockRow]) -> list[str]:
    assert all(row.qr_payload == f"LPA:{row.activation_code}" for row in rows)
    return [row.activation_code for row in rows]


def test_words_for_nothing_are_blank() -> None:
    """`stock-null-words.csv`: no customer is asked to type in "NULL"."""
    rows = _stock("stock-null-words.csv")
    assert len(rows) == 4
    assert {(row.instructions, row.confirmation_code) for row in rows} == {(None, None)}


def test_rounded_iccids_are_a_fault_unless_somebody_insists() -> None:
    """`stock-rounded-iccids.csv`: fifteen digits and then zeros are what a spreadsheet leaves."""
    _, faults = _read(case("stock-rounded-iccids.csv"))
    assert [(fault.line, fault.column) for fault in faults] == [(n, "iccid") for n in (2, 3, 4)]
    assert all("spreadsheet" in fault.reason for fault in faults)
    insisted = [row.iccid for row in _stock("stock-rounded-iccids.csv", round_iccids=True)]
    assert insisted == ["8999049631195560000", "8999049638973240000", "8999049646750920000"]


def test_marks_against_rounding_are_taken_off() -> None:
    """`stock-spreadsheet-marks.csv`: `="..."`, quoted and not, and a leading apostrophe."""
    iccids = [row.iccid for row in _stock("stock-spreadsheet-marks.csv")]
    assert iccids == ["8999045678312280113", "8999045686089957888", "8999045693867635652"]


def test_separator_line_is_followed_and_skipped() -> None:
    """`stock-sep-line.csv`: `sep=;` is no header."""
    assert _codes(_stock("stock-sep-line.csv")) == ["1$smdp.north.example$NB-80-5F0D"]


def test_missing_and_surplus_blank_cells_do_no_harm() -> None:
    """`stock-short-rows.csv`: a missing cell is blank, a blank one too many is ignored."""
    rows = _stock("stock-short-rows.csv")
    assert [row.line for row in rows] == [2, 3, 4, 5]
    told = [(row.instructions, row.confirmation_code) for row in rows]
    assert told == [("Scan", "0042"), (None, None), ("Scan", None), (None, None)]


def test_address_and_matching_id_in_two_columns_are_one_code() -> None:
    """`stock-separate-columns.csv`: the customary form of operators' files."""
    codes = _codes(_stock("stock-separate-columns.csv"))
    assert codes == ["1$smdp.north.example$NB-95-5F0D", "1$smdp.north.example$NB-96-5F0D"]


def test_a_few_round_iccids_among_thousands_are_chance() -> None:
    """Two of twenty thousand end in four zeros by themselves; ten would be a spreadsheet's."""
    header = b"plan_id,activation_code,iccid\n"
    rows = [b"1,1$a.example$X-%d,89%015d%02d" % (n, n, n % 90 + 1) for n in range(20_000)]
    few = [b"1,1$a.example$Y-%d,899904963%d0000000000" % (n, n) for n in range(2)]
    many = [b"1,1$a.example$Y-%d,89990496%02d000000000" % (n, n) for n in range(20)]
    assert _read(header + b"\n".join(rows + few))[1] == []
    assert len(_read(header + b"\n".join(rows + many))[1]) == 20
