"""Leaving promptly: open streams and waiting requests learn of a shutdown when it begins.

A server waits for its open requests before it runs the shutdown half of a lifespan, so
without this an event stream would hold it until its patience ends.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def notice_of_shutdown(leave: Callable[[], None]) -> Iterator[None]:
    """Call `leave` on SIGINT or SIGTERM, before whoever handled the signal until now."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def handle(number: int, frame: FrameType | None) -> None:
        """Say that it is time to leave, then let the earlier handler do its part."""
        loop.call_soon_threadsafe(leave)
        earlier = before[signal.Signals(number)]
        if callable(earlier):
            earlier(number, frame)

    for number in _SIGNALS:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
