"""HTTP/1.1 connections that may not dawdle: the head of a request has a time to arrive in.

uvicorn itself waits for ever for the first byte and for every next one, so a few idle clients
would hold every connection that the process may have. The time of a body is kept in `bodies.py`.
"""

import asyncio
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class TimedProtocol(H11Protocol):
    """Closes a connection whose request line and headers are not there in time.

    The time runs from the opening of the connection or from the first byte of a further request;
    in between uvicorn's own `timeout_keep_alive` counts.
    """

    head_seconds: ClassVar[float] = 10
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the time of the first request."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Read on, and stop the time once a head is complete."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._expect_head()
        else:
            self._forget_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no timer behind."""
        self._forget_deadline()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self._give_up)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self.timeout_keep_alive_handler()


def taking_at_most(head_seconds: float) -> type[TimedProtocol]:
    """Make the protocol for one server: uvicorn builds an instance for every connection."""
    return type("TimedProtocol", (TimedProtocol,), {"head_seconds": head_seconds})
