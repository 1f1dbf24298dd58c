"""Activations that gave up for lack of stock try again once stock has come."""

import asyncio
from collections.abc import Collection

from cli.backends import activations
from cli.terminal import note, say
from domain.errors import EsimError
from workflows.messages import Intervention

_AT_ONCE = 20
_LATER = "esimctl retry $(esimctl list --status exhausted --ids --limit 10000) --reason 'new stock'"
_REQUEST = Intervention(actor="stock-import", reason="New stock was imported.")


async def wake(order_ids: Collection[int]) -> None:
    """Ask each activation to try again; says how many, or what to run if Temporal is away.

    Harmless for an activation that does not wait any more. Raises nothing: the stock is in, and
    that is what the import was for.
    """
    if not order_ids:
        return
    try:
        await _nudge(list(order_ids))
    except EsimError as error:
        note(
            f"Warning: {error.message} The stock is in; activations that wait for it"
            f" ({len(order_ids)}) were not woken. Run later: {_LATER}",
            style="yellow",
        )
    else:
        say(f"Activations that waited for stock ({len(order_ids)}) were asked to try again.")


async def _nudge(order_ids: list[int]) -> None:
    known = await activations()
    for start in range(0, len(order_ids), _AT_ONCE):
        some = order_ids[start : start + _AT_ONCE]
        await asyncio.gather(*(known.nudge(order_id, _REQUEST) for order_id in some))
