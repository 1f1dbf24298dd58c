"""`esimctl retired`: stock that was taken out of use, and why."""

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from cli.backends import postgres
from cli.terminal import console, note
from db import stock_views
from db.engine import transaction
from db.stock_views import RetiredItem

EXAMPLE = "Example: esimctl retired --limit 20"

_ON_A_PAGE = 50


def retired(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = _ON_A_PAGE,
) -> None:
    """List stock items that hold no code, or that nobody needs any more, newest first."""
    found = asyncio.run(_find(limit))
    table = Table("item", "plan", "order", "source", "import", "retired (UTC)", "why")
    for item in found:
        table.add_row(
            str(item.id),
            str(item.plan_id or "any"),
            str(item.order_id or ""),
            item.provider or "stock",
            str(item.import_id or ""),
            f"{item.retired_at:%Y-%m-%d %H:%M:%S}" if item.retired_at else "",
            item.retired_reason,
        )
    console().print(table)
    if len(found) == limit:
        note(f"The newest {limit}; more with --limit.")


async def _find(limit: int) -> list[RetiredItem]:
    async with postgres() as engine, transaction(engine) as connection:
        return await stock_views.retired(connection, limit=limit)
