"""A server that is told to stop leaves promptly, with streams open and requests waiting."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from local.temporal import TemporalServer
from tests.api.asking import activate
from tests.api.server import JWT_SECRET
from tests.api.tokens import bearer
from tests.rows import paid_order

ROOT = Path(__file__).parents[3]
_COMMAND = (sys.executable, "-m", "api")


@asynccontextmanager
async def _process(environment: dict[str, str]) -> AsyncIterator[tuple[Process, str]]:
    """The API as production runs it, and its address."""
    process = await asyncio.create_subprocess_exec(
        *_COMMAND, cwd=ROOT, env=os.environ | environment, stdout=PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            async for line in process.stdout:
                said = json.loads(line)["event"]
                if said.startswith("Uvicorn running on "):
                    yield process, said.split()[3]
                    break
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_open_streams_and_waiting_requests_do_not_hold_a_server(
    engine: AsyncEngine,
    database_url: str,
    temporal_server: TemporalServer,
    task_queue: str,
    catalogue: None,
) -> None:
    """SIGTERM: the waiting POST is answered 202, the stream ends without `end`, the process too."""
    del catalogue
    order_id = await paid_order(engine)
    environment = {
        "DATABASE_URL": database_url,
        "API_PORT": "0",
        "TEMPORAL_ADDRESS": temporal_server.address,
        "TEMPORAL_TASK_QUEUE": task_queue,
        "JWT_SECRET": JWT_SECRET,
        "LOG_FORMAT": "json",
    }
    async with _process(environment) as (process, url), asyncio.timeout(30):
        async with httpx.AsyncClient(base_url=url, timeout=30, headers=bearer(1)) as client:
            path = f"/api/activations/{order_id}/events"
            async with client.stream("GET", path) as stream:
                waiting = asyncio.create_task(activate(client, order_id, "wait=25"))
                await _started(engine, order_id, client)
                process.send_signal(signal.SIGTERM)
                assert (await waiting).status_code == 202
                assert "event: end" not in "".join([text async for text in stream.aiter_text()])
        await process.wait()


async def _started(engine: AsyncEngine, order_id: int, client: httpx.AsyncClient) -> None:
    """Until the POST waits: a second one finds the workflow that the first one started."""
    del engine
    answer = await activate(client, order_id, "respond-async")
    assert answer.status_code == 202
