"""A profile that nobody needs and that cannot be given back for days; time is skipped."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.pause_points import PausePoint
from db import provider_controls
from db.engine import transaction
from domain.provider import EsimProvider
from sandbox.sandbox import Sandbox
from tests.purchases.bought import Scene
from tests.purchases.conftest import Driver
from tests.purchases.scenes import open_shop
from tests.skipped_time import environment, purchase_rules, temporal_client
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import Intervention
from workflows.policies import SETTLEMENT_WAITS

__all__ = ["environment", "purchase_rules", "temporal_client"]

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

ANA = Intervention("ana", "the customer changed their mind")


@pytest.fixture
async def providers(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[dict[str, EsimProvider]]:
    """One that takes back what was not installed."""
    provider = open_shop("ESIM_ACCESS lookup", sandbox, tmp_path)
    yield {provider.name: provider}
    await provider.aclose()


async def test_what_a_paused_provider_cannot_take_back_is_given_back_when_it_may_be_called(
    driver: Driver,
    sandbox: Sandbox,
    providers: dict[str, EsimProvider],
    watch: Watch,
    pause_points_dir: Path,
    activations: Activations,
    environment: WorkflowEnvironment,
) -> None:
    """The run outlasts every wait of a settlement, and asks once a day after that."""
    scene = Scene(driver, sandbox, providers, watch, pause_points_dir)
    hold = await scene.begun(PausePoint.AFTER_PURCHASE)
    await activations.cancel(scene.order_id, ANA)
    async with transaction(scene.engine) as connection:
        await provider_controls.pause(connection, scene.provider.name, "ana", "its invoices")
    hold.release()
    await watch.until(scene.order_id, "status = 'CANCELLED'")
    for _ in SETTLEMENT_WAITS:
        await environment.sleep(4 * 3600)
    assert (await watch.handle(scene.order_id).describe()).close_time is None
    assert scene.net_charges() == 1
    async with transaction(scene.engine) as connection:
        await provider_controls.resume(connection, scene.provider.name)
    await environment.sleep(25 * 3600)
    assert await watch.ended(scene.order_id) == "cancelled"
    assert scene.net_charges() == 0
    await scene.settled()
