"""A provider that refuses our key: it is held, everybody waits, and everybody goes on with it."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from domain.errors import CredentialsRefused, ProviderHeld
from domain.gate import HoldReason
from domain.purchase import Ambiguity
from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import Received, answering, send_json
from tests.rows import paid_order, run, value
from tests.workflows.conftest import PARTNER, Watch
from workflows.client import Activations
from workflows.messages import Intervention, Step

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

PROBE = Intervention("ana", "the key is mended")


async def _probe_is_due(engine: AsyncEngine) -> None:
    await run(engine, "UPDATE provider_gates SET probe_at = now()")


@pytest.mark.parametrize(
    "status", [pytest.param(401, marks=pytest.mark.history("credentials-refused")), 403]
)
async def test_a_refused_key_is_the_provider_s_trouble_and_a_good_probe_wakes_everybody(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    partner: PartnerServer,
    status: int,
) -> None:
    """One call leaves, nobody is parked; once it is answered again, those who waited are served."""
    partner.answer = answering(status, {"error": "unknown key"})
    first, second = await paid_order(engine), await paid_order(engine)
    with capture_logs() as lines:
        await activations.start(first, 123)
        refused = (await watch.step(first, Step.WAITING)).failure
    await activations.start(second, 123)
    held = (await watch.step(second, Step.WAITING)).failure
    assert (refused and refused.code, held and held.code) == (
        CredentialsRefused.code,
        ProviderHeld.code,
    )
    assert HoldReason.CREDENTIALS in str(held)
    assert len(partner.requests) == 1
    alarms = [line for line in lines if line["event"] == "provider_credentials_refused"]
    assert [(line["log_level"], line["provider"]) for line in alarms] == [("error", PARTNER)]
    assert f"esimctl resume {PARTNER}" in alarms[0]["next_step"]
    partner.answer = partner.sell
    await _probe_is_due(engine)
    await activations.nudge(first, PROBE)
    assert await watch.ended(first) == "activated"
    assert await watch.ended(second) == "activated"
    asked = "SELECT actor FROM esim_provisioning_events WHERE kind = 'retry_requested'"
    assert await value(engine, f"{asked} AND order_id = :id", id=second) == "worker"
    assert len(partner.orders) == 2


@pytest.mark.parametrize("ambiguity", [Ambiguity.LOOKUP])
async def test_a_refused_look_up_leaves_the_doubt_as_it_is(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """Sold, the answer lost, the look-up refused: no person is asked, nothing is bought again."""

    async def sell_and_lose(received: Received, writer: asyncio.StreamWriter) -> None:
        partner.book(received)
        partner.answer = answering(403, {})
        await send_json(writer, 500, {})

    partner.answer = sell_and_lose
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.step(order_id, Step.WAITING)
    state = "SELECT state FROM provider_intents"
    assert await value(engine, state) == "UNKNOWN"
    assert [request.method for request in partner.requests] == ["POST", "GET"]
    partner.answer = partner.sell
    await _probe_is_due(engine)
    await activations.nudge(order_id, PROBE)
    assert await watch.ended(order_id) == "activated"
    assert await value(engine, state) == "CONFIRMED"
    assert len(partner.orders) == 1
