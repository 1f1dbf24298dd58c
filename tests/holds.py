"""Holding a worker at a named instant (activities/pause_points.py)."""

import asyncio
from pathlib import Path

from activities.pause_points import PausePoint


class Hold:
    """Holds one order's activation at one instant until let go."""

    def __init__(self, folder: Path, point: PausePoint, order_id: int) -> None:
        self._hold = folder / f"{point}.{order_id}.hold"
        self._hold.touch()

    async def reached(self) -> None:
        """Until the worker stands there."""
        async with asyncio.timeout(30):
            while not self._hold.with_suffix(".reached").exists():
                await asyncio.sleep(0.01)

    def release(self) -> None:
        """Let the worker go on."""
        self._hold.unlink()
