"""`esimctl import-stock`: all rows or none, every fault by line, and no code shown anywhere."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.cli.conftest import Esimctl, Ran
from tests.cli.forking import ROOT
from tests.cli.stock_rows import CANARY, HEADER, csv_bytes, iccid, row, write
from tests.rows import PLAN_ID, rows, run, value

pytestmark = pytest.mark.usefixtures("stocked", "catalogue")

Import = Callable[..., Ran]

# A second country and carrier, and a plan that covers any.
MORE_CATALOGUE = (
    "INSERT INTO countries (iso2, name) VALUES ('FR', 'France')",
    "INSERT INTO carriers (name) VALUES ('Hexagone')",
    "INSERT INTO plans (id, name, price_minor_units) VALUES (7, 'World 1GB', 100)",
)
CODE = f"1$smdp.example.com${CANARY}"

FAULTS: tuple[tuple[Mapping[str, object], str, str], ...] = (
    ({"plan_id": "777"}, "plan_id", "There is no plan 777."),
    ({"plan_id": "0"}, "plan_id", "There is no plan 0."),
    ({"plan_id": "1.0"}, "plan_id", "Not a whole number"),
    ({"plan_id": "-1"}, "plan_id", "Not a whole number"),
    ({"plan_id": "9223372036854775808"}, "plan_id", "Not a whole number"),
    ({"plan_id": f"LPA:{CODE}"}, "plan_id", "Not a whole number"),
    ({"carrier_id": "99"}, "carrier_id", "There is no carrier 99."),
    ({"carrier_id": "2"}, "carrier_id", "Plan 123 is for carrier 1, this row is for carrier 2."),
    ({"country_id": "99"}, "country_id", "There is no country 99."),
    ({"country_id": "2"}, "country_id", "Plan 123 is for country 1, this row is for country 2."),
    ({"plan_id": "7", "country_id": "1"}, "country_id", "Plan 7 names no country"),
    ({"country_iso2": "XX"}, "country_iso2", "There is no country with this code."),
    ({"country_iso2": "FR", "country_id": "1"}, "country_iso2", "Another country than"),
    ({"country_iso2": "fr"}, "country_id", "Plan 123 is for country 1"),
    ({"activation_code": "", "qr_payload": ""}, "activation_code", "Blank"),
    ({"activation_code": "", "qr_payload": CANARY}, "qr_payload", "nor an LPA string"),
    ({"activation_code": "PENDING", "qr_payload": ""}, "activation_code", "a word for nothing"),
    ({"activation_code": "https://a.example/1", "qr_payload": ""}, "activation_code", "an address"),
    ({"activation_code": iccid(9), "qr_payload": ""}, "activation_code", "number of a card"),
    ({"activation_code": f"1$nodots${CANARY}"}, "activation_code", "domain name"),
    ({"activation_code": f"2$smdp.example.com${CANARY}"}, "activation_code", "reads 1$"),
    ({"activation_code": f"{CODE} X"}, "activation_code", "space"),
    ({"activation_code": CODE + "X" * 255}, "activation_code", "longer than 255"),
    ({"activation_code": f"{CODE}-OTHER"}, "activation_code", "name different profiles"),
    ({"activation_code": "", "qr_payload": f"LPA:1$nodots${CANARY}"}, "qr_payload", "domain name"),
    ({"iccid": "8.9E+18"}, "iccid", "spreadsheets"),
    ({"iccid": "8,9012E+18"}, "iccid", "spreadsheets"),
    ({"iccid": "8934000000000000001.0"}, "iccid", "spreadsheets"),
    ({"iccid": "89340000000000000X1"}, "iccid", "digits only"),
    ({"iccid": "89340"}, "iccid", "18 to 20 digits"),
    ({"instructions": "Scan\x00"}, "instructions", "control character"),
    ({"confirmation_code": "4711.0"}, "confirmation_code", "spreadsheets"),
    ({"plan_id": "NULL"}, "plan_id", "Not a whole number"),
    ({"confirmation_code": f"{CANARY}\x07"}, "confirmation_code", "control character"),
    ({"status": "RESERVED"}, "status", "Only an activation makes an item RESERVED"),
    ({"status": "assigned"}, "order_id", "needs the id of the order"),
    ({"order_id": "7"}, "order_id", "Only an item whose status is ASSIGNED"),
    ({"status": CANARY}, "status", "Neither blank, AVAILABLE, RETIRED nor ASSIGNED."),
)


@pytest.fixture
def imports(esimctl: Esimctl, tmp_path: Path) -> Import:
    """Imports a file of these rows, and makes sure that no code was printed."""

    def import_rows(stock: Sequence[Mapping[str, object]], *options: object) -> Ran:
        file = write(
            tmp_path / "stock.csv",
            stock,
            (*HEADER, "country_iso2", "order_id", "provider_reference"),
        )
        ran = esimctl("import-stock", file, *options)
        assert CANARY not in ran.out + ran.err
        return ran

    return import_rows


def reported(path: Path, kind: str = "fault") -> list[tuple[int, str, str]]:
    """The findings that a report file holds; no code among them."""
    assert CANARY not in path.read_text()
    with path.open(newline="") as file:
        found = [row for row in csv.DictReader(file) if row["kind"] == kind]
    return [(int(row["line"]), row["column"], row["reason"]) for row in found]


async def stock_count(engine: AsyncEngine) -> int:
    """How many items there are."""
    count: int = await value(engine, "SELECT count(*) FROM esim_inventory")
    return count


async def test_sound_rows_become_stock(imports: Import, engine: AsyncEngine) -> None:
    """Rows are stored as written, in the file's order, under one import that names its actor."""
    stock = [row(1, confirmation_code="4711"), row(2, country_iso2="es", carrier_id=1), row(3)]
    done = imports(stock, "--actor", "Grace")
    assert (done.code, done.err) == (0, "")
    assert f"{PLAN_ID} Spain 5GB" in done.out
    items = await rows(
        engine,
        "SELECT plan_id, carrier_id, country_id, activation_code, iccid, qr_payload, instructions,"
        " confirmation_code, status, file_name, actor, row_count"
        " FROM esim_inventory i JOIN inventory_imports m ON m.id = i.import_id"
        " ORDER BY i.stock_seq",
    )
    assert [item["iccid"] for item in items] == [iccid(1), iccid(2), iccid(3)]
    assert items[0] == {
        "plan_id": PLAN_ID,
        "carrier_id": None,
        "country_id": None,
        "activation_code": f"{CODE}-1",
        "iccid": iccid(1),
        "qr_payload": f"LPA:{CODE}-1",
        "instructions": "Scan, then wait",
        "confirmation_code": "4711",
        "status": "AVAILABLE",
        "file_name": "stock.csv",
        "actor": "Grace",
        "row_count": 3,
    }
    assert (items[1]["carrier_id"], items[1]["country_id"]) == (1, 1)


async def test_each_fault_is_reported_by_line_and_nothing_is_imported(
    imports: Import, engine: AsyncEngine, tmp_path: Path
) -> None:
    """One file with every kind of fault, sound rows around: all found, none stored."""
    for statement in MORE_CATALOGUE:
        await run(engine, statement)
    faulty = [row(number, **cells) for number, (cells, _, _) in enumerate(FAULTS, start=100)]
    report = tmp_path / "faults.csv"
    done = imports([row(1), *faulty, row(2)], "--fault-report", report)
    assert done.code == 1
    found = reported(report)
    assert [(line, column) for line, column, _ in found] == [
        (line, column) for line, (_, column, _) in enumerate(FAULTS, start=3)
    ]
    for (_, _, reason), (_, _, expected) in zip(found, FAULTS, strict=True):
        assert expected in reason
    assert f"stock.csv has faults ({len(FAULTS)}); nothing was imported." in done.err
    assert await stock_count(engine) == 0
    assert await value(engine, "SELECT count(*) FROM inventory_imports") == 0


async def test_faults_are_shown_in_the_terminal_up_to_a_limit(imports: Import) -> None:
    """The first ones are shown with line, column and reason, then how many more there are."""
    done = imports([row(number, iccid="8.9E+18") for number in range(30)])
    assert done.err.count("spreadsheets") == 20
    assert "... and 10 more." in done.err
    assert "--fault-report" in done.err


@pytest.mark.parametrize(
    ("twin", "column"),
    [
        ({"iccid": iccid(1)}, "iccid"),
        ({"activation_code": f"{CODE}-1", "qr_payload": ""}, "activation_code"),
        ({"activation_code": f"LPA:{CODE}-1", "qr_payload": ""}, "qr_payload"),
        ({"activation_code": "", "qr_payload": f"LPA:{CODE}-1".replace("smdp", "SMDP")}, "qr_"),
    ],
)
async def test_a_duplicate_within_the_file_names_both_lines(
    imports: Import, engine: AsyncEngine, twin: Mapping[str, object], column: str
) -> None:
    """The same ICCID, or the same code however it is written, is a fault of the later line."""
    done = imports([row(1), row(2), row(3, **twin)])
    assert done.code == 1
    assert column in done.err
    assert "is in line 2 already." in done.err
    assert await stock_count(engine) == 0


@pytest.mark.parametrize(
    ("twin", "reason"),
    [
        ({"iccid": iccid(1)}, f"ICCID {iccid(1)} is in stock already, as item 1."),
        ({"activation_code": f"{CODE}-1", "qr_payload": ""}, "This code is in stock already"),
        ({"activation_code": f"LPA:{CODE}-1", "qr_payload": ""}, "This code is in stock already"),
    ],
)
async def test_a_duplicate_of_stock_names_the_item(
    imports: Import, engine: AsyncEngine, twin: Mapping[str, object], reason: str
) -> None:
    """What is in stock already is reported by line; the sound rows beside it stay out too."""
    assert imports([row(1)]).code == 0
    done = imports([row(2), row(3, **twin)])
    assert done.code == 1
    assert reason in done.err
    assert await stock_count(engine) == 1


async def test_the_same_file_twice_imports_once(imports: Import, engine: AsyncEngine) -> None:
    """Every row of the second run is a fault, its stock untouched."""
    stock = [row(number) for number in range(3)]
    assert imports(stock).code == 0
    assert imports(stock).code == 1
    assert await stock_count(engine) == 3


async def test_short_codes_as_docs_show_them_import_with_a_warning(
    imports: Import, engine: AsyncEngine
) -> None:
    """`INV-ABC123` without an SM-DP+ address is stock, flagged as not installable by QR."""
    await run(
        engine,
        "INSERT INTO esim_inventory (plan_id, activation_code, iccid, qr_payload) VALUES"
        " (123, 'INV-ABC123', '89010000000000000123', 'LPA:1$INV-ABC123')",
    )
    again = imports([row(1, activation_code="1$INV-ABC123", qr_payload="")])
    assert "This code is in stock already, as item 1." in again.err
    done = imports([row(2, activation_code="INV-XYZ", qr_payload="LPA:1$INV-XYZ")])
    assert done.code == 0
    assert "Not installable by QR" in done.err
    flagged = "SELECT installable FROM esim_inventory WHERE activation_code = 'INV-XYZ'"
    assert await value(engine, flagged) is False


async def test_a_missing_code_is_taken_from_the_other(imports: Import, engine: AsyncEngine) -> None:
    """An LPA string alone gives the activation code, and the other way round."""
    lpa_only = row(1, activation_code="")
    code_only = row(2, qr_payload="")
    assert imports([lpa_only, code_only]).code == 0
    stored = await rows(
        engine, "SELECT activation_code, qr_payload FROM esim_inventory ORDER BY id"
    )
    assert [tuple(item.values()) for item in stored] == [
        (f"{CODE}-{number}", f"LPA:{CODE}-{number}") for number in (1, 2)
    ]


async def test_historical_stock_is_imported_as_retired(
    imports: Import, engine: AsyncEngine
) -> None:
    """RETIRED rows are stored with their time, and counted apart."""
    done = imports([row(1, status="retired"), row(2, status="AVAILABLE")])
    assert done.code == 0
    assert "RETIRED" in done.out
    retired = "SELECT count(*) FROM esim_inventory WHERE status = 'RETIRED' AND retired_at <= now()"
    assert await value(engine, retired) == 1


async def test_luhn_warns_or_refuses_as_asked(
    esimctl: Esimctl, engine: AsyncEngine, tmp_path: Path
) -> None:
    """Strict by option or by setting refuses; the default imports with a warning."""
    stock = [row(1, iccid="8901120200045678901"), row(2, iccid="89010000000000000123")]
    file = write(tmp_path / "stock.csv", stock)
    for strict in (
        esimctl("import-stock", file, "--luhn", "strict"),
        esimctl("import-stock", file, ICCID_LUHN_STRICT="true"),
    ):
        assert strict.code == 1
        assert "Luhn" in strict.err
    assert await stock_count(engine) == 0
    done = esimctl("import-stock", file, "--luhn", "warn", ICCID_LUHN_STRICT="true")
    assert done.code == 0
    assert "line 2 and 1 more: The ICCID's last digit" in done.err


async def test_stock_that_needs_a_second_look_is_named(
    imports: Import, engine: AsyncEngine, tmp_path: Path
) -> None:
    """Stock for every plan, and a code that lacks its confirmation code, warn and import."""
    confirmed = f"{CODE}-9$$1"
    stock = [row(1, plan_id=""), row(9, activation_code=confirmed, qr_payload="")]
    report = tmp_path / "report.csv"
    assert imports(stock, "--fault-report", report).code == 0
    assert [(line, column) for line, column, _ in reported(report, "warning")] == [
        (2, "plan_id"),
        (3, "confirmation_code"),
    ]
    assert await stock_count(engine) == 2


async def test_a_dry_run_checks_all_and_changes_nothing(
    imports: Import, engine: AsyncEngine
) -> None:
    """Sound rows: exit code 0. Duplicates of stock are found as well."""
    assert imports([row(1)], "--dry-run").code == 0
    assert await stock_count(engine) == 0
    assert imports([row(1)]).code == 0
    assert imports([row(1)], "--dry-run").code == 1
    assert await value(engine, "SELECT count(*) FROM inventory_imports") == 1


async def test_a_spreadsheet_s_file_imports(
    esimctl: Esimctl, engine: AsyncEngine, tmp_path: Path
) -> None:
    """BOM, semicolons and CRLF at once, as a European spreadsheet writes them."""
    file = tmp_path / "stock.csv"
    content = csv_bytes([row(1), row(2)], delimiter=";", line_end="\r\n")
    file.write_bytes(b"\xef\xbb\xbf" + content)
    assert esimctl("import-stock", file).code == 0
    assert await stock_count(engine) == 2


async def test_twenty_thousand_rows_import_at_once(imports: Import, engine: AsyncEngine) -> None:
    """A big file is one import."""
    done = imports([row(number) for number in range(20_000)])
    assert done.code == 0
    assert "Imported 20000 rows" in done.out
    assert await value(engine, "SELECT row_count FROM inventory_imports") == 20_000
    assert await stock_count(engine) == 20_000


async def test_a_blank_actor_is_refused(imports: Import, engine: AsyncEngine) -> None:
    """The import is kept under its actor's name: nobody's name is refused, and nothing comes in."""
    refused = imports([row(1)], "--actor", " ")
    assert (refused.code, refused.out) == (1, "")
    assert "--actor" in refused.err
    assert await stock_count(engine) == 0


async def test_a_report_that_cannot_be_written_stops_the_import(
    imports: Import, engine: AsyncEngine, tmp_path: Path
) -> None:
    """It is found out before anything is stored."""
    failed = imports([row(1)], "--fault-report", tmp_path / "nowhere" / "faults.csv")
    assert failed.code == 1
    assert "cannot be written" in failed.err
    assert await stock_count(engine) == 0


@pytest.mark.parametrize(
    ("name", "reason"), [("nowhere.csv", "is not a file"), ("", "is not a file")]
)
def test_a_missing_file_is_one_line(
    esimctl: Esimctl, tmp_path: Path, name: str, reason: str
) -> None:
    """No such file, or a folder: exit code 1 and a sentence."""
    failed = esimctl("import-stock", tmp_path / name)
    assert failed.code == 1
    assert reason in failed.err
    assert len(failed.err.splitlines()) == 1


async def test_the_sample_of_the_documentation_imports(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """docs/sample-stock.csv fits the catalogue of `esimctl seed`, without a warning."""
    await run(engine, "DELETE FROM plans")
    assert esimctl("seed").code == 0
    before = await stock_count(engine)
    done = esimctl("import-stock", ROOT / "docs" / "sample-stock.csv")
    assert (done.code, done.err) == (0, "")
    assert await stock_count(engine) > before
