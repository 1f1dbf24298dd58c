"""`esimctl import-stock`: a file of eSIMs becomes stock, all of it or nothing."""

import asyncio
import csv
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich import progress as rich_progress
from rich.table import Table

from cli.actor import ActorOption, operating_user
from cli.backends import activations, postgres
from cli.terminal import console, note, say
from domain.errors import InvalidInput
from operations.attribution import named
from operations.counting import counted
from operations.stock_import.file import Finding, StockFile, read_stock_file
from operations.stock_import.run import Imported, Progress, StockImport
from settings import ProviderSettings, load

EXAMPLE = "Example: esimctl import-stock docs/sample-stock.csv --dry-run"

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
    round_iccids: Annotated[
        bool,
        typer.Option("--round-iccids", help="ICCIDs that end in zeros are right, not rounded."),
    ] = False,
    fault_report: Annotated[
        Path | None, typer.Option(help="Write every fault and warning to this CSV file.")
    ] = None,
) -> None:
    """Import a CSV file of stock: all its rows or none."""
    strict = luhn is Luhn.STRICT if luhn else load(ProviderSettings).iccid_luhn_strict
    name = named(actor)
    stock_file = read_stock_file(file)
    if fault_report:  # found out before the import, not after it
        _write_report(fault_report, [], [])
    bar, move = _progress(len(stock_file.records))
    with bar:
        work = StockImport(file.name, name, stock_file, strict, dry_run, move, round_iccids)
        done = asyncio.run(_run(work))
    if not done.faults:
        _tell(done, stock_file, file.name)
    if fault_report:
        _write_report(fault_report, done.faults, done.warnings)
    _show_warnings(done.warnings)
    if done.faults:
        _show(done.faults, complete=fault_report is not None)
        raise InvalidInput(
            f"{file.name} has faults ({len(done.faults)}); nothing was imported."
            " Correct them and run the same command again."
        )


async def _run(work: StockImport) -> Imported:
    async with postgres() as engine:
        return await work.run(engine, await activations())


def _tell(done: Imported, file: StockFile, name: str) -> None:
    table = Table("plan", "status", "rows")
    for (plan, status), count in done.counts.items():
        table.add_row(plan, status.name, str(count))
    console().print(table)
    for column in file.ignored_columns:
        note(f"Warning: {column} of the header is unknown and was ignored.", style="yellow")
    if done.import_id is None:
        fine = counted(done.rows, f"row of {name} is", f"rows of {name} are")
        say(f"Dry run: {fine} fine; nothing was imported.")
        return
    say(f"Imported {counted(done.rows, 'row')} of {name} (import {done.import_id}).")
    if done.next_step:
        note(f"Warning: {done.next_step}", style="yellow")
    elif done.waiting:
        say(f"Activations that waited for stock ({done.waiting}) were asked to try again.")


def _progress(rows: int) -> tuple[rich_progress.Progress, Progress]:
    """Show a bar for a large file on a terminal, and give what moves it."""
    screen = console(stderr=True)
    shown = screen.is_terminal and rows >= _PROGRESS_FROM_ROWS
    bar = rich_progress.Progress(console=screen, disable=not shown)
    tasks: dict[str, rich_progress.TaskID] = {}

    def move(what: str, through: int, of: int) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=of)
        bar.update(tasks[what], completed=through)

    return bar, move


def _show(faults: Sequence[Finding], *, complete: bool) -> None:
    table = Table("line", "column", "fault")
    for fault in faults[:_SHOWN]:
        table.add_row(str(fault.line), fault.column, fault.reason)
    console(stderr=True).print(table)
    if len(faults) > _SHOWN:
        more = f"... and {len(faults) - _SHOWN} more."
        note(more if complete else f"{more} All of them: --fault-report FILE.csv")


def _show_warnings(warnings: Iterable[Finding]) -> None:
    """Print one line per kind: a file may have a warning in every row."""
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
    """Write a cell so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
