"""`./dev bench`: every figure of docs/benchmarks.md in one go.

What is compared runs in turn within the same seconds, so that a busy machine slows both sides:
trust the ratios, not the times.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from db.engine import create_engine
from tests.bench import aims, report
from tests.bench.figures import Figures
from tests.bench.plan import PARTS, Plan, full, quick
from tests.bench.report import Table
from tests.bench.session import Session
from tests.bench.shop import Shop
from tests.bench.stack import running_stack

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"

_progress = Console(stderr=True, highlight=False)
_output = Console(highlight=False)


def main() -> None:
    """Measure, print, and write what was asked for."""
    options = _options()
    parts = _parts(options.only)
    plan = quick(parts) if options.quick else full(parts)
    started = time.monotonic()
    figures = asyncio.run(_measure(plan))
    tables = report.tables(figures)
    for table in tables:
        _output.print(_as_rich(table))
    for line in aims.said_of(figures):
        _output.print(line, soft_wrap=True)
    _progress.print(f"took {time.monotonic() - started:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(report.as_json(plan, figures), indent=2) + "\n")
    if options.write_docs:
        report.write_docs(DOCUMENT, plan, figures)


async def _measure(plan: Plan) -> Figures:
    with tempfile.TemporaryDirectory(prefix="esim-bench-") as folder:
        _progress.print("starting Postgres and Temporal")
        async with running_stack(Path(folder)) as stack:
            engine = create_engine(stack.database_url, pool_size=2)
            client = await stack.client()
            session = Session(plan, stack, client, Shop(engine), _say_since(time.monotonic()))
            try:
                return await session.run()
            finally:
                await engine.dispose()


def _say_since(started: float) -> Callable[[str], None]:
    """Progress, each line with the seconds that have gone."""
    return lambda line: _progress.print(f"{time.monotonic() - started:5.0f} s  {line}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measure, side by side.")
    parser.add_argument("--quick", action="store_true", help="small numbers: shows that it runs")
    parser.add_argument("--only", metavar="PARTS", help=f"of {','.join(PARTS)}; comma-separated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--write-docs", action="store_true", help="update docs/benchmarks.md")
    options = parser.parse_args()
    if options.write_docs and (options.quick or options.only):
        parser.error("--write-docs keeps a full run: leave out --quick and --only")
    return options


def _parts(only: str | None) -> frozenset[str]:
    parts = frozenset(only.split(",") if only else PARTS)
    if unknown := parts - set(PARTS):
        sys.exit(f"There is no part {', '.join(sorted(unknown))}; there is: {', '.join(PARTS)}.")
    return parts


def _as_rich(table: Table) -> RichTable:
    rich = RichTable(title=table.title, title_justify="left")
    for number, column in enumerate(table.columns):
        rich.add_column(column, justify="right" if number else "left")
    for row in table.rows:
        rich.add_row(*row)
    return rich


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # temporalio can abort while the interpreter unwinds (sdk-python#300).
    os._exit(0)
