"""`esimctl import-stock`: a file of eSIMs becomes stock, all of it or nothing."""

import asyncio
import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.actor import ActorOption, operating_user
from cli.backends import postgres
from cli.stock_check import StockCheck
from cli.stock_file import Finding, StockFile, read_stock_file
from cli.terminal import console, note, say
from cli.waking import wake
from db import stock_import
from db.engine import transaction
from db.stock_import import Catalogue, Clash, StockRow
from domain.errors import DuplicateStock, EsimError, InvalidInput, StorageUnavailable
from domain.stock import StockStatus
from settings import ProviderSettings, load

EXAMPLE = "Example: esimctl import-stock docs/sample-stock.csv --dry-run"

_CHUNK_ROWS = 5000
_SHOWN = 20
_PROGRESS_FROM_ROWS = 10_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Luhn(StrEnum):
    """What a wrong ICCID check digit means."""

    STRICT = "strict"
    WARN = "warn"


def import_stock(
    file: Annotated[Path, typer.Argument(help="A CSV file; see docs/operating.md.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all, import nothing.")] = False,
    actor: ActorOption = operating_user(),
    luhn: Annotated[
        Luhn | None,
        typer.Option(help="Wrong ICCID check digits: refuse or warn; default ICCID_LUHN_STRICT."),
    ] = None,
    fault_report: Annotated[
        Path | None, typer.Option(help="Write every fault and warning to this CSV file.")
    ] = None,
) -> None:
    """Import a CSV file of stock: all its rows or none."""
    strict = luhn is Luhn.STRICT if luhn else load(ProviderSettings).iccid_luhn_strict
    stock_file = read_stock_file(file)
    if fault_report:  # found out before the import, not after it
        _write_report(fault_report, [], [])
    name = actor.strip() or operating_user()
    work = _Import(file.name, name, stock_file, strict_luhn=strict, dry_run=dry_run)
    faults, warnings = asyncio.run(work.run())
    if fault_report:
        _write_report(fault_report, faults, warnings)
    _show_warnings(warnings)
    if faults:
        _show(faults, complete=fault_report is not None)
        raise InvalidInput(
            f"{file.name} has faults ({len(faults)}); nothing was imported."
            " Correct them and run the same command again."
        )


class _Import:
    """One file on its way into the database."""

    def __init__(
        self, name: str, actor: str, file: StockFile, *, strict_luhn: bool, dry_run: bool
    ) -> None:
        self._name = name
        self._actor = actor
        self._file = file
        self._strict_luhn = strict_luhn
        self._dry_run = dry_run
        screen = console(stderr=True)
        shown = screen.is_terminal and len(file.records) >= _PROGRESS_FROM_ROWS
        self._progress = Progress(console=screen, disable=not shown)

    async def run(self) -> tuple[list[Finding], list[Finding]]:
        """Check, store, tell; returns faults and warnings. With any fault nothing is stored."""
        async with postgres() as engine:
            async with transaction(engine) as connection:
                catalogue = await stock_import.read_catalogue(connection)
            with self._progress:
                check = StockCheck(catalogue, strict_luhn=self._strict_luhn)
                rows = self._checked(check)
                faults = self._file.faults + check.faults
                clashes, import_id, waiting = await self._store(engine, rows, sound=not faults)
        faults = sorted(faults + _clash_faults(clashes, rows), key=lambda fault: fault.line)
        if not faults:
            self._tell(rows, catalogue, import_id)
            await wake(waiting)
        return faults, check.warnings

    def _checked(self, check: StockCheck) -> list[StockRow]:
        records = self._progress.track(self._file.records, description="Checking")
        return [row for record in records if (row := check.check(record))]

    async def _store(
        self, engine: AsyncEngine, rows: Sequence[StockRow], *, sound: bool
    ) -> tuple[list[Clash], int | None, list[int]]:
        """Compare with what is in stock; store if there is no fault and no dry run."""
        starts = range(0, len(rows), _CHUNK_ROWS)
        try:
            async with transaction(engine) as connection:
                await stock_import.open_staging(connection)
                for start in self._progress.track(starts, description="Comparing"):
                    await stock_import.stage(connection, rows[start : start + _CHUNK_ROWS])
                clashes = await stock_import.find_clashes(connection)
                if clashes or self._dry_run or not sound:
                    return clashes, None, []
                import_id = await stock_import.store(connection, self._name, self._actor)
                return [], import_id, await stock_import.exhausted_orders(connection, _scopes(rows))
        except DuplicateStock:
            raise InvalidInput(
                "Another import brought some of these rows meanwhile; nothing was imported."
                " Run the same command again to see which."
            ) from None
        except StorageUnavailable as error:
            raise _uncertain(error) from None

    def _tell(self, rows: Sequence[StockRow], catalogue: Catalogue, import_id: int | None) -> None:
        table = Table("plan", "status", "rows")
        counts = Counter((row.plan_id, row.status) for row in rows)
        for (plan_id, status), count in sorted(counts.items(), key=str):
            plan = f"{plan_id} {catalogue.plans[plan_id].name}" if plan_id else "any plan"
            table.add_row(plan, status.name, str(count))
        console().print(table)
        for name in self._file.ignored_columns:
            note(f"Warning: {name} of the header is unknown and was ignored.", style="yellow")
        if import_id is None:
            say(f"Dry run: {len(rows)} rows of {self._name} are fine; nothing was imported.")
        else:
            say(f"Imported {len(rows)} rows of {self._name} (import {import_id}).")


def _scopes(rows: Iterable[StockRow]) -> set[stock_import.Scope]:
    return {
        (row.plan_id, row.carrier_id, row.country_id)
        for row in rows
        if row.status is StockStatus.AVAILABLE
    }


def _uncertain(error: StorageUnavailable) -> EsimError:
    return StorageUnavailable(
        f"{error.message} Running the import again is safe: rows that are in already are reported"
        " as such, and nothing is imported twice."
    )


def _clash_faults(clashes: Iterable[Clash], rows: Iterable[StockRow]) -> list[Finding]:
    iccids = {row.line: row.iccid for row in rows} if clashes else {}
    return [
        Finding(
            clash.line,
            clash.column,
            f"{f'ICCID {iccids[clash.line]}' if clash.column == 'iccid' else 'This code'}"
            f" is in stock already, as item {clash.item_id}.",
        )
        for clash in clashes
    ]


def _show(faults: Sequence[Finding], *, complete: bool) -> None:
    table = Table("line", "column", "fault")
    for fault in faults[:_SHOWN]:
        table.add_row(str(fault.line), fault.column, fault.reason)
    console(stderr=True).print(table)
    if len(faults) > _SHOWN:
        more = f"... and {len(faults) - _SHOWN} more."
        note(more if complete else f"{more} All of them: --fault-report FILE.csv")


def _show_warnings(warnings: Iterable[Finding]) -> None:
    """One line per kind: a file may have a warning in every row."""
    lines: dict[str, list[int]] = {}
    for warning in warnings:
        lines.setdefault(warning.reason, []).append(warning.line)
    for reason, where in lines.items():
        more = "" if len(where) == 1 else f" and {len(where) - 1} more"
        note(f"Warning: line {where[0]}{more}: {reason}", style="yellow")


def _write_report(path: Path, faults: Iterable[Finding], warnings: Iterable[Finding]) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("line", "column", "kind", "reason"))
            for kind, findings in (("fault", faults), ("warning", warnings)):
                writer.writerows((f.line, _cell(f.column), kind, f.reason) for f in findings)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.") from None


def _cell(text: str) -> str:
    """A spreadsheet must not take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
