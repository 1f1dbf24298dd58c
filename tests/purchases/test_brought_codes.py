"""A code that a person brings where codes work only once they are released."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.codes import sold_code
from domain.errors import InvalidInput
from domain.provider import EsimProvider, ProvisionedEsim, ProvisionRequest
from domain.purchase import Resolution
from operations import reviews
from operations.reviews import Decision
from providers import ENABLING
from sandbox.misbehaviours import Misbehaviour
from sandbox.sandbox import Sandbox
from tests.purchases.bought import Scene
from tests.purchases.conftest import Driver
from tests.purchases.scenes import open_shop
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import Intervention, Step

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

SMDP = "ES2PLUS"


@pytest.fixture
async def providers(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[dict[str, EsimProvider]]:
    """The SM-DP+ alone."""
    provider = open_shop(SMDP, sandbox, tmp_path)
    yield {provider.name: provider}
    await provider.aclose()


@pytest.fixture
def scene(
    driver: Driver,
    sandbox: Sandbox,
    providers: dict[str, EsimProvider],
    watch: Watch,
    pause_points_dir: Path,
) -> Scene:
    """How this test tells its story."""
    return Scene(driver, sandbox, providers, watch, pause_points_dir)


async def _confirmed_by_hand(scene: Scene) -> ProvisionedEsim:
    """What the SM-DP+'s people have done and tell us: they found the profile by our reference."""
    [order] = scene.sandbox.ledger.orders(SMDP)
    reference, iccid = f"order-{scene.order_id}", order.profiles[0].iccid
    asked = ProvisionRequest(scene.order_id, reference, "ES-5GB", "", provider_order_id=iccid)
    found = await scene.provider.advance(asked)
    assert isinstance(found, ProvisionedEsim)
    return found


async def test_a_code_is_taken_with_its_iccid_alone_and_then_released(
    scene: Scene, activations: Activations
) -> None:
    """DownloadOrder was cut off, so the provider's name for it is unknown, and a code is brought.

    Without its ICCID nothing could ever release it: that is refused while it can be mended.
    """
    scene.sandbox.rule(SMDP, Misbehaviour.RESET_AFTER_BOOKING, operation="downloadOrder")
    await scene.begun()
    await scene.watch.step(scene.order_id, Step.PARKED)
    assert (await scene.intent())["provider_order_id"] is None
    told = await _confirmed_by_hand(scene)
    for iccid in (None, told.iccid):
        brought = sold_code(told.activation_code, iccid)
        decision = Decision(Resolution.EXISTS, "ana", "their support", brought)
        if iccid is None:
            with pytest.raises(InvalidInput, match="--iccid"):
                await reviews.decide(scene.engine, scene.order_id, decision, enabling=ENABLING)
        else:
            await reviews.decide(scene.engine, scene.order_id, decision, enabling=ENABLING)
    await activations.nudge(scene.order_id, Intervention("ana", "the code is here"))
    assert await scene.watch.ended(scene.order_id) == "activated"
    assert scene.calls("releaseProfile") == 1
    assert scene.sandbox.download(str(told.iccid)) == "Installed"
    await scene.settled()
