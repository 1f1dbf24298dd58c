"""`esimctl restored`: after a backup was restored, before anybody is served."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.backends import activations, postgres
from cli.terminal import note, say
from operations.restore import Restored, take_stock

EXAMPLE = 'Example: esimctl restored --since 2026-03-04T08:00:00 --reason "disk lost, ticket 4711"'


def restored(
    since: Annotated[
        datetime, typer.Option(help="When the backup was taken, in UTC, or a little earlier.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")],
) -> None:
    """Compare a restored database with Temporal, and put right what it has lost.

    Run it before the API and the workers are started. It may be repeated.
    """
    _show(asyncio.run(_take_stock(since.replace(tzinfo=since.tzinfo or UTC), reason)))


async def _take_stock(since: datetime, reason: str) -> Restored:
    known = await activations()
    async with postgres() as engine:
        return await take_stock(engine, known, since, reason)


def _show(found: Restored) -> None:
    for order_ids, what in (
        (found.begun_anew, "begun anew"),
        (found.cancelled, "cancelled again, as before"),
        (found.noted, "under way: their providers are asked before anything is bought"),
        (found.settling, "over: an open purchase of theirs is settled"),
    ):
        say(f"{len(order_ids)} orders {what}. {_list(order_ids)}".rstrip())
    for order_id, item_id in found.missing.items():
        given = f"its customer has stock item {item_id}" if item_id else "nothing from stock"
        note(f"Order {order_id} is missing here ({given}): a person must look.", style="red")


def _list(order_ids: list[int]) -> str:
    return " ".join(str(each) for each in order_ids)
