"""Asking many activations to try again at once."""

import asyncio
from collections.abc import Sequence

from domain.errors import EngineUnavailable
from operations.deadline import answered
from workflows.client import Activations
from workflows.messages import Intervention

WAITING_AT_MOST = 1000
"""Waiting orders that are looked at in one go, wherever that is done."""

_AT_ONCE = 20


async def wake(activations: Activations, order_ids: Sequence[int], said: Intervention) -> int:
    """Ask each activation to try again; harmless for one that does not wait any more.

    Returns how many were asked before Temporal stopped answering. Raises nothing for that: what
    the orders waited for has happened, and must not look as if it had not.
    """
    woken = 0
    for start in range(0, len(order_ids), _AT_ONCE):
        some = order_ids[start : start + _AT_ONCE]
        try:
            await answered(asyncio.gather(*(activations.nudge(each, said) for each in some)))
        except EngineUnavailable:
            break
        woken += len(some)
    return woken
