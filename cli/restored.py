"""`esimctl restored`: after a backup was restored, before anybody is served."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.actor import ActorOption, operating_user
from cli.backends import activations, postgres
from cli.interventions import ReasonOption
from cli.terminal import note, say
from operations.activations import intervention
from operations.restore import Restored, put_right
from workflows.messages import Intervention

EXAMPLE = 'Example: esimctl restored --since 2026-03-04T08:00:00 --reason "disk lost, ticket 4711"'


def restored(
    since: Annotated[
        datetime, typer.Option(help="When the backup was taken, in UTC, or a little earlier.")
    ],
    reason: ReasonOption,
    actor: ActorOption = operating_user(),
) -> None:
    """Compare a restored database with Temporal, and put right what it has lost.

    Run it before the API and the workers are started. It may be repeated.
    """
    moment = since.replace(tzinfo=since.tzinfo or UTC)
    _show(asyncio.run(_put_right(moment, intervention(actor, reason))))


async def _put_right(since: datetime, said: Intervention) -> Restored:
    known = await activations()
    async with postgres() as engine:
        return await put_right(engine, known, since, said)


def _show(found: Restored) -> None:
    for order_ids, what in (
        (found.begun_anew, "begun anew"),
        (found.cancelled, "cancelled again"),
        (found.noted, "told to ask before anything is bought"),
        (found.settling, "over already, with an open purchase that is settled now"),
    ):
        if order_ids:
            say(f"{_counted(order_ids)} {what}: {' '.join(map(str, order_ids))}")
    for order_id, item_id in found.missing.items():
        given = f"its customer has stock item {item_id}" if item_id else "it was given no item"
        note(f"Order {order_id} is missing here ({given}): a person must look.", style="red")
    say("Now start the API and the workers, and look at the invariants.")


def _counted(order_ids: list[int]) -> str:
    return "1 order was" if len(order_ids) == 1 else f"{len(order_ids)} orders were"
