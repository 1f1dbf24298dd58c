"""Temporal's own command line is enough to steer an activation."""

import asyncio
import sys
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from local.temporal import TemporalServer
from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import answering
from tests.rows import paid_order, rows
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import Step, workflow_id

pytestmark = pytest.mark.usefixtures("catalogue", "worker")


async def _temporal(server: TemporalServer, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("temporal")),
        *arguments,
        "--address",
        server.address,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.fixture
async def parked(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> int:
    """An order that the partner refused; it sells again now."""
    partner.answer = answering(400, {})
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.step(order_id, Step.PARKED)
    partner.answer = partner.sell
    return order_id


@pytest.mark.parametrize(
    ("arguments", "actor"),
    [
        ([], "unnamed"),
        (["--input", '{"actor": "ana", "reason": "fixed"}'], "ana"),
        (["--input", '{"actor": "bob"}'], "bob"),
    ],
    ids=["bare", "full", "partial"],
)
async def test_a_retry_signal_completes_a_parked_order(
    temporal_server: TemporalServer,
    engine: AsyncEngine,
    watch: Watch,
    parked: int,
    arguments: list[str],
    actor: str,
) -> None:
    """With no input, with all of it or with a part: the trail names the actor given."""
    code, output = await _temporal(
        temporal_server,
        *("workflow", "signal", "--workflow-id", workflow_id(parked), "--name", "retry"),
        *arguments,
    )
    assert code == 0, output
    assert await watch.ended(parked) == "activated"
    [asked] = await rows(
        engine, "SELECT actor FROM esim_provisioning_events WHERE kind = 'retry_requested'"
    )
    assert asked["actor"] == actor


async def test_a_cancel_signal_ends_a_parked_order(
    temporal_server: TemporalServer, watch: Watch, parked: int
) -> None:
    """Cancelled, although the signal carried nothing."""
    code, output = await _temporal(
        temporal_server,
        *("workflow", "signal", "--workflow-id", workflow_id(parked), "--name", "cancel"),
    )
    assert code == 0, output
    assert await watch.ended(parked) == "cancelled"


async def test_a_retry_update_tells_its_caller_why_not(
    temporal_server: TemporalServer, watch: Watch, parked: int
) -> None:
    """Accepted while parked; refused with a sentence once nothing waits."""
    update = ("workflow", "update", "execute", "--workflow-id", workflow_id(parked))
    code, output = await _temporal(temporal_server, *update, "--name", "retry")
    assert code == 0, output
    assert await watch.ended(parked) == "activated"
    code, output = await _temporal(temporal_server, *update, "--name", "retry")
    assert code == 1, output


async def test_ops_find_waiting_orders_and_read_what_to_do(
    temporal_server: TemporalServer, watch: Watch, parked: int
) -> None:
    """Search attributes list it; its details say what failed and which signal helps."""
    async with asyncio.timeout(30):
        while True:  # visibility is eventually consistent
            _, listed = await _temporal(
                temporal_server,
                *("workflow", "list", "--query"),
                f"EsimStatus = 'provisioning_failed' AND OrderId = {parked}",
            )
            if workflow_id(parked) in listed:
                break
    details = await watch.handle(parked).query("__temporal_workflow_metadata")
    assert "provider-refused" in str(details)
    assert "retry" in str(details)
