"""Calls to Temporal with a deadline: a request never hangs because Temporal is away."""

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
    """The result of a call to Temporal.

    The client's own `rpc_timeout` is no deadline (0.3 s was seen to take 16 s), and a lazy
    client's first connection fails with a bare RuntimeError.

    Raises:
        EngineUnavailable: there was none in time. The call may have been carried out.
    """
    try:
        async with asyncio.timeout(deadline_seconds):
            return await call
    except (TimeoutError, RuntimeError) as error:
        log.warning("engine_call_failed", cause=type(error).__name__)
        raise EngineUnavailable("Temporal did not answer in time.") from None
