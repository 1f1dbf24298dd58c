"""What tests of activation ask for, and states that they begin in."""

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.partners.scripted import answering
from tests.rows import run

DOWN = answering(503, {"error": "maintenance"})
SOLD_OUT = answering(422, {"error": {"code": "OUT_OF_STOCK"}})


async def activate(
    client: httpx.AsyncClient, order_id: int, prefer: str | None = None
) -> httpx.Response:
    """One POST."""
    headers = {"Prefer": prefer} if prefer else {}
    return await client.post("/api/esims/activate", json={"order_id": order_id}, headers=headers)


async def parked(engine: AsyncEngine, order_id: int, status: str, code: str) -> None:
    """A profile that has waited for an hour, whatever became of its workflow."""
    await run(
        engine,
        "UPDATE esim_profiles SET status = :status, failure_code = :code, failed_rounds = 1"
        " WHERE order_id = :id",
        status=status,
        code=code,
        id=order_id,
    )
    await an_hour_passes(engine, order_id)


async def an_hour_passes(engine: AsyncEngine, order_id: int) -> None:
    """The last change of a profile moves an hour into the past."""
    await run(
        engine,
        "UPDATE esim_profiles SET updated_at = updated_at - interval '1 hour' WHERE order_id = :id",
        id=order_id,
    )
