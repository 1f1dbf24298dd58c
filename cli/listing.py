"""`esimctl list`: activations by state, newest first."""

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from cli.backends import postgres
from cli.terminal import console, note, say
from db import profiles
from db.engine import transaction
from db.profiles import Profile
from domain.profile import ProfileStatus
from operations.waking import WAITING_AT_MOST

EXAMPLE = "Example: esimctl list --status needs_review"

_ON_A_PAGE = 50


LimitOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=WAITING_AT_MOST,
        help="How many at most.",
        show_default=f"{_ON_A_PAGE}; with --ids {WAITING_AT_MOST}",
    ),
]


def default_limit(*, ids: bool) -> int:
    """Say how many are listed if nobody says: for a person's eyes, or for the next command."""
    return WAITING_AT_MOST if ids else _ON_A_PAGE


def list_activations(
    status: Annotated[
        list[ProfileStatus] | None,
        typer.Option(case_sensitive=False, help="Only these states; may be given several times."),
    ] = None,
    limit: LimitOption = None,
    ids: Annotated[bool, typer.Option("--ids", help="Print the order ids alone.")] = False,
) -> None:
    """List activations, newest first."""
    limit = limit or default_limit(ids=ids)
    found = asyncio.run(_find(frozenset(status or ProfileStatus), limit))
    if ids:
        for profile in found:
            say(str(profile.order_id))
    else:
        _show(found)
    if len(found) == limit:
        note(f"The newest {limit}; more with --limit.")


def _show(found: list[Profile]) -> None:
    table = Table("order", "plan", "status", "rounds", "since (UTC)", "failure")
    for profile in found:
        table.add_row(
            str(profile.order_id),
            str(profile.plan_id),
            profile.status,
            str(profile.failed_rounds),
            f"{profile.updated_at:%Y-%m-%d %H:%M:%S}",
            profile.failure_reason or "",
        )
    console().print(table)


async def _find(statuses: frozenset[ProfileStatus], limit: int) -> list[Profile]:
    async with postgres() as engine, transaction(engine) as connection:
        return await profiles.with_status(connection, statuses, limit=limit)
