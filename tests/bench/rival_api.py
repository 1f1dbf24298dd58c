"""The real API with one more endpoint, which starts a workflow that does nothing and waits for it.

Run it with `uvicorn --factory tests.bench.rival_api:create_app`.
"""

from typing import Any

from fastapi import FastAPI

from api import app
from api.activate import ActivateRequest
from api.http.auth import User
from api.resources import Shared
from tests.bench.no_op import NO_OP_PATH, NO_OP_QUEUE


def create_app() -> FastAPI:
    """The app as the environment describes it, and the rival beside it."""
    rival = app.create_app()
    rival.post(NO_OP_PATH)(_no_op)
    return rival


async def _no_op(body: ActivateRequest, _: User, shared: Shared) -> dict[str, int]:
    handle: Any = await shared.activations._client.start_workflow(  # noqa: SLF001 - the same one
        "NoOpWorkflow",
        body.order_id,
        id=f"no-op-by-http-{body.order_id}",
        task_queue=NO_OP_QUEUE,
    )
    return {"order_id": await handle.result()}
