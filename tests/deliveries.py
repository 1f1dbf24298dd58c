"""A delivery that sends something, so that its step is taken."""


class Message:
    """One whose messages arrive nowhere: tests look at what becomes of the order."""

    sends = True

    async def deliver(self, order_id: int) -> None:
        """Be done at once."""
