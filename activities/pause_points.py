"""Named instants at which a test can hold the worker, to kill or freeze it exactly there.

Without a folder every point is a no-op. With one, an order for which the file
`<point>.<order id>.hold` exists there writes `<point>.<order id>.reached` and waits until the
hold is gone. Production leaves the folder unset.
"""

import asyncio
from enum import StrEnum
from pathlib import Path


class PausePoint(StrEnum):
    """The instants between two effects, at each of which a crash is tried."""

    BEFORE_RESERVE_COMMIT = "before-reserve-commit"
    AFTER_RESERVE = "after-reserve"
    BEFORE_SEND = "before-send"
    AFTER_REPLY = "after-reply"
    AFTER_PURCHASE = "after-purchase"
    BEFORE_APPLY_COMMIT = "before-apply-commit"
    AFTER_APPLY = "after-apply"
    AFTER_DELIVERY = "after-delivery"


class PausePoints:
    """Holds the caller at a named instant while a test says so."""

    _POLL_SECONDS = 0.02

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def holds(self, point: PausePoint, order_id: int) -> bool:
        """Tell whether a test wants to stop this order at this point."""
        return self._folder is not None and self._hold(point, order_id).exists()

    async def reach(self, point: PausePoint, order_id: int) -> None:
        """Return at once, unless a test holds this order at this point."""
        if not self.holds(point, order_id):
            return
        hold = self._hold(point, order_id)
        hold.with_suffix(".reached").touch()
        while hold.exists():  # noqa: ASYNC110 - the other side is another process
            await asyncio.sleep(self._POLL_SECONDS)

    def _hold(self, point: PausePoint, order_id: int) -> Path:
        return (self._folder or Path()) / f"{point}.{order_id}.hold"
