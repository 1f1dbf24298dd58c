"""How a customer is told that the eSIM is ready."""

from typing import Protocol


class Delivery(Protocol):
    """One way of handing over the instructions.

    Attributes:
        sends: whether a message leaves this service, which can fail or take its time. If none
            does, an eSIM is handed over as soon as it is assigned.
    """

    sends: bool

    async def deliver(self, order_id: int) -> None:
        """Tell the owner of an order that the eSIM is ready.

        May be called more than once for one order. The code itself, and its confirmation
        code if it has one, travel only where their owner alone can read them.
        """
        ...
