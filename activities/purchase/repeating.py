"""Calls that may be repeated, and what a repetition may hear: "done already" is good news then."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from activities.purchase.record import patiently
from db import repeated_calls
from db.engine import transaction
from db.purchases import Purchase
from domain.errors import ProviderError

ResultT = TypeVar("ResultT")


async def repeatable(
    engine: AsyncEngine, purchase: Purchase, call: Callable[[bool], Awaitable[ResultT]]
) -> ResultT:
    """Make a purchase's next call, which stays on record as long as its answer is missing.

    Args:
        engine: each note is a transaction of its own.
        purchase: as it was read; nobody else calls for it meanwhile.
        call: is told whether an earlier one of these calls may have arrived unheard.

    Raises:
        StaleWrite, StorageUnavailable: before anything was sent.
        ProviderError: as the call does.
    """
    async with transaction(engine) as connection:
        repeated = await repeated_calls.note_unheard(connection, purchase)
    try:
        return await call(repeated)
    except ProviderError as error:
        if not (repeated or error.in_doubt):
            # Else the next call would take "done already" for the work of this one.
            await patiently(lambda: _note_heard(engine, purchase))
        raise


async def _note_heard(engine: AsyncEngine, purchase: Purchase) -> None:
    async with transaction(engine) as connection:
        await repeated_calls.note_heard(connection, purchase)
