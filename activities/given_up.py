"""An order whose purchase a person gave up is to end: it gets no eSIM any more."""

from sqlalchemy.ext.asyncio import AsyncConnection

from db import purchases
from domain.errors import ActivationCancelled


async def refuse_given_up(connection: AsyncConnection, order_id: int) -> None:
    """Refuse to reserve or to buy for an order that a person has given up.

    The cancel that follows a give-up is a call of its own, which may be late or lost. Call it with
    the profile locked, as the decision has it.

    Raises:
        ActivationCancelled: it was given up.
    """
    if await purchases.was_given_up(connection, order_id):
        raise ActivationCancelled(f"A purchase of order {order_id} was given up: nothing follows.")
