"""An order, a partner that can misbehave, and words for what tests do to an activation."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from domain.provider import EsimProvider
from domain.purchase import Ambiguity
from providers import ConnectedYouConfig, build_providers
from tests.partners.connected_you import API_KEY, PARTNER_ID, PartnerServer
from tests.rows import rows, value
from workflows import messages
from workflows.client import Activations
from workflows.messages import ActivationState

PARTNER = "CONNECTED_YOU"


@pytest.fixture
async def partner() -> AsyncIterator[PartnerServer]:
    """A partner that speaks the contract until told otherwise."""
    server = PartnerServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def ambiguity() -> Ambiguity:
    """What the partner has confirmed; tests override it."""
    return Ambiguity.REVIEW


@pytest.fixture
def timeout_seconds() -> float:
    """Long, for a busy machine may stand still; tests of a partner that hangs override it."""
    return 5.0


@pytest.fixture
def providers(
    partner: PartnerServer, ambiguity: Ambiguity, timeout_seconds: float
) -> dict[str, EsimProvider]:
    """ConnectedYou as in production, towards the partner on loopback."""
    config = ConnectedYouConfig(
        base_url=partner.base_url,
        partner_id=PARTNER_ID,
        api_key=API_KEY,
        timeout_seconds=timeout_seconds,
        dry_run=False,
        ambiguity=ambiguity,
    )
    return build_providers(PARTNER, {PARTNER: config})


@pytest.fixture
def activations(temporal_client: Client, task_queue: str) -> Activations:
    """What the API and the CLI use."""
    return Activations(temporal_client, task_queue)


@pytest.fixture
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """A server whose clock jumps over every wait."""
    binary = Path(sys.executable).with_name("temporal-test-server")
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(binary)
    ) as environment:
        await environment.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace="default",
                search_attributes={
                    "OrderId": IndexedValueType.INDEXED_VALUE_TYPE_INT,
                    "PlanId": IndexedValueType.INDEXED_VALUE_TYPE_INT,
                    "EsimStatus": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
                    "Provider": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
                    "FailureCode": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
                },
            )
        )
        yield environment


class Watch:
    """Waits for what an activation does, by asking, bounded in time."""

    def __init__(self, engine: AsyncEngine, client: Client) -> None:
        self.engine = engine
        self.client = client

    def handle(self, order_id: int) -> WorkflowHandle[object, dict[str, object]]:
        """The order's workflow."""
        return self.client.get_workflow_handle(messages.workflow_id(order_id))

    async def status(self, order_id: int) -> str:
        """The profile's state as SQL shows it."""
        found: str = await value(
            self.engine, "SELECT status FROM esim_profiles WHERE order_id = :id", id=order_id
        )
        return found

    async def until(self, order_id: int, condition: str) -> None:
        """Until a SQL condition on the profile holds."""
        query = f"SELECT {condition} FROM esim_profiles WHERE order_id = :id"
        async with asyncio.timeout(30):
            while not await value(self.engine, query, id=order_id):
                await asyncio.sleep(0.02)

    async def step(self, order_id: int, step: messages.Step) -> ActivationState:
        """Until the workflow says that it is at this step."""
        async with asyncio.timeout(30):
            while True:
                state: ActivationState = await self.handle(order_id).query(
                    messages.STATE, result_type=ActivationState
                )
                if state.step is step:
                    return state
                await asyncio.sleep(0.02)

    async def ended(self, order_id: int) -> str:
        """The state in which the workflow ended."""
        async with asyncio.timeout(30):
            return str((await self.handle(order_id).result())["status"])

    async def kinds(self, order_id: int) -> list[str]:
        """The audit trail, in short."""
        found = await rows(
            self.engine,
            "SELECT kind FROM esim_provisioning_events WHERE order_id = :id ORDER BY id",
            id=order_id,
        )
        return [row["kind"] for row in found]

    async def history_types(self, order_id: int) -> list[str]:
        """The event types of the workflow's history."""
        history = await self.handle(order_id).fetch_history()
        return [event.WhichOneof("attributes") or "" for event in history.events]


@pytest.fixture
def watch(engine: AsyncEngine, temporal_client: Client) -> Watch:
    """How tests wait for an activation."""
    return Watch(engine, temporal_client)
