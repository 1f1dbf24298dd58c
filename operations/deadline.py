"""Calls to Temporal with a deadline: nobody hangs because Temporal or every worker is away."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import structlog

from domain.errors import EngineUnavailable

DEADLINE_SECONDS = 5.0

ResultT = TypeVar("ResultT")

log = structlog.get_logger(__name__)


async def answered(
    call: Awaitable[ResultT], *, deadline_seconds: float = DEADLINE_SECONDS
) -> ResultT:
    """Return the result of a call to Temporal.

    The client's own `rpc_timeout` is no deadline (0.3 s was seen to take 16 s), and a lazy
    client's first connection fails with a bare RuntimeError.

    Raises:
        EngineUnavailable: there was none in time. The call may have been carried out.
    """
    try:
        async with asyncio.timeout(deadline_seconds) as deadline:
            return await call
    except (TimeoutError, RuntimeError, EngineUnavailable) as error:
        log.warning("engine_call_failed", cause=type(error).__name__)
        if deadline.expired():
            raise EngineUnavailable(
                "no worker answered in time; the request may still be carried out."
            ) from None
        if isinstance(error, EngineUnavailable):
            raise
        raise EngineUnavailable("Temporal does not answer (TEMPORAL_ADDRESS).") from None
