"""Whether a process can do its work: looked up once a second, however many ask."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from domain.errors import EsimError

OK = "ok"

Check = Callable[[], Awaitable[None]]


class Readiness:
    """Runs named checks together and shares what they found.

    A check raises an `EsimError` whose message says what is wrong, or returns.
    """

    def __init__(
        self, checks: Mapping[str, Check], *, every_seconds: float = 1, deadline_seconds: float = 3
    ) -> None:
        self._checks = checks
        self._every_seconds = every_seconds
        self._deadline_seconds = deadline_seconds
        self._looked_at = float("-inf")
        self._look: asyncio.Task[dict[str, str]] | None = None

    async def look(self) -> dict[str, str]:
        """Return what each check found: `ok`, or a sentence. At most a second old."""
        now = asyncio.get_running_loop().time()
        if self._look is None or (
            self._look.done() and now - self._looked_at >= self._every_seconds
        ):
            self._looked_at = now
            self._look = asyncio.create_task(self._run(), name="readiness")
        # One who gives up must not stop the look that others wait for.
        return await asyncio.shield(self._look)

    async def _run(self) -> dict[str, str]:
        found = await asyncio.gather(*map(self._found, self._checks.values()))
        return dict(zip(self._checks, found, strict=True))

    async def _found(self, check: Check) -> str:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await check()
        except TimeoutError:
            return "no answer in time"
        except EsimError as error:
            return error.message
        return OK
