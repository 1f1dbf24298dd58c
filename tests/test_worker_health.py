"""The worker as production runs it, and what it says of its health."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.errors import EngineUnavailable
from local.ports import free_port
from local.temporal import TemporalServer
from tests.api.server import JWT_SECRET
from tests.rows import paid_order
from workflows.failing_tasks import FailingTasks
from workflows.messages import RETRY, WORKFLOW, ActivationRequest, workflow_id
from workflows.standstill import find_standstill

ROOT = Path(__file__).parent.parent


@workflow.defn(name=WORKFLOW, sandboxed=False)
class AnotherVersion:
    """Begins otherwise than the code of today, which cannot replay what this one did."""

    @workflow.run
    async def run(self, request: ActivationRequest) -> None:
        """Wait."""
        del request
        await workflow.sleep(timedelta(days=1))


@asynccontextmanager
async def _worker(environment: Mapping[str, str], log: Path) -> AsyncIterator[Process]:
    with log.open("w") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "worker.py", cwd=ROOT, env=os.environ | dict(environment), stdout=output
        )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def _says(url: str, status: int) -> dict[str, str]:
    """What `/readyz` found, once it answers with this status."""
    async with asyncio.timeout(60), httpx.AsyncClient(timeout=30) as client:
        while True:
            try:
                answer = await client.get(f"{url}/readyz")
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code == status:
                checks: dict[str, str] = answer.json()["checks"]
                return checks
            await asyncio.sleep(0.1)


async def _begun_elsewhere(client: Client, order_id: int, queue: str) -> WorkflowHandle[Any, Any]:
    """A run whose first steps another version of the code has taken."""
    async with Worker(
        client,
        task_queue=queue,
        workflows=[AnotherVersion],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await client.start_workflow(
            WORKFLOW, ActivationRequest(order_id), id=workflow_id(order_id), task_queue=queue
        )
        async with asyncio.timeout(30):
            while len((await handle.fetch_history()).events) < 5:  # its timer has started
                await asyncio.sleep(0.05)
    return handle


async def _esimctl(environment: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", *arguments),
        cwd=ROOT,
        env=os.environ | dict(environment),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    report: dict[str, Any] = json.loads(output)
    return report


async def test_a_run_that_cannot_be_replayed_is_an_alarm_of_its_own(
    engine: AsyncEngine,
    catalogue: None,
    database_url: str,
    temporal_server: TemporalServer,
    temporal_client: Client,
    task_queue: str,
    tmp_path: Path,
) -> None:
    """The worker's /readyz, its log and `esimctl status` name it: no worker is away."""
    del catalogue
    order_id, port = await paid_order(engine), free_port()
    environment = {
        "DATABASE_URL": database_url,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "TEMPORAL_TASK_QUEUE": task_queue,
        "WORKER_HEALTH_PORT": str(port),
        "JWT_SECRET": JWT_SECRET,
    }
    handle = await _begun_elsewhere(temporal_client, order_id, task_queue)
    url, log = f"http://127.0.0.1:{port}", tmp_path / "log"
    async with _worker(environment, log):
        well = await _says(url, 200)
        assert well.keys() == {"postgres", "temporal", "polling", "workflows"}
        await handle.signal(RETRY)
        checks = await _says(url, 503)
        found = await find_standstill(temporal_client, handle.id)
        report = await _esimctl(environment, "status", str(order_id), "--json")
    assert {name for name, finding in checks.items() if finding != "ok"} == {"workflows"}
    assert checks["workflows"].startswith(f"{handle.id} stands still: ")
    assert found
    assert found.is_replay
    assert "cannot replay its history" in report["workflow"]["unknown"]
    assert "Deploy" in report["next_step"]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    [alarm] = [line for line in lines if line["event"] == "workflow_stands_still"]
    assert (alarm["level"], alarm["cause"]) == ("error", "NonDeterministicError")
    await _forgets_what_has_ended(temporal_client, handle, str(alarm["run_id"]))


async def _forgets_what_has_ended(
    client: Client, handle: WorkflowHandle[Any, Any], run_id: str
) -> None:
    """The alarm is over once Temporal says so."""
    alarm = FailingTasks(fresh_seconds=0)
    alarm.hear(run_id, 'Failure { message: "no \\"fit\\"" }, force_cause: NonDeterministicError }')
    with pytest.raises(EngineUnavailable, match=r"^activate-esim-\d+ stands still: no "):
        await alarm.check(client)
    await handle.terminate()
    await alarm.check(client)
    alarm.hear("a-run-that-nobody-knows", "what the core may say one day")
    await alarm.check(client)
