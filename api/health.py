"""Is the process alive, and can it serve?"""

import asyncio
from collections.abc import Awaitable

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.http import problems
from api.http.problems import RETRY_AFTER_SECONDS, Problem
from api.resources import Shared
from db.engine import transaction
from domain.errors import EsimError
from operations.deadline import answered

router = APIRouter(tags=["Health"])

_DEADLINE_SECONDS = 3.0


class HealthBody(BaseModel):
    """What was checked, and what came of it."""

    status: str = "ok"
    checks: dict[str, str] = {}


@router.get("/healthz")
async def check_liveness() -> HealthBody:
    """Answer as long as the process runs, whatever it depends on."""
    return HealthBody()


@router.get("/readyz", responses=problems.responses(503))
async def check_readiness(shared: Shared) -> HealthBody:
    """Answer 200 if Postgres and Temporal do, and Temporal knows our search attributes.

    A lost LISTEN connection is shown but does not count: waiting goes on, a little slower.
    """
    postgres, temporal = await asyncio.gather(
        _check(_select(shared.engine)), _check(answered(shared.activations.check()))
    )
    listening = "ok" if shared.notifications.listening else "reconnecting"
    checks = {"postgres": postgres, "temporal": temporal, "notifications": listening}
    if {postgres, temporal} != {"ok"}:
        raise Problem(
            503,
            "not-ready",
            "Not ready to serve.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
            checks=checks,
        )
    return HealthBody(checks=checks)


async def _check(check: Awaitable[None]) -> str:
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            await check
    except TimeoutError:
        return "no answer in time"
    except EsimError as error:
        return error.message
    return "ok"


async def _select(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        await connection.execute(text("SELECT 1"))
