"""Is the process alive, and can it serve?"""

from fastapi import APIRouter
from pydantic import BaseModel

from api.http import problems
from api.http.problems import RETRY_AFTER_SECONDS, Problem
from api.resources import Shared
from operations.readiness import OK

router = APIRouter(tags=["Health"])


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
    """Answer 200 if this process can serve; what was found is at most a second old.

    Postgres takes a write and has our schema, a NOTIFY comes back, and Temporal answers and knows
    our search attributes.
    """
    checks = await shared.readiness.look()
    if set(checks.values()) != {OK}:
        raise Problem(
            503,
            "not-ready",
            "Not ready to serve.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
            checks=checks,
        )
    return HealthBody(checks=checks)
