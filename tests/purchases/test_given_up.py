"""Whoever gives a purchase up ends its order, even if nobody can tell the activation so."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.pause_points import PausePoints
from activities.purchase.buy import ProviderActivities, PurchaseOrder, PurchaseRules
from domain.errors import ActivationCancelled
from domain.provider import EsimProvider
from domain.purchase import Resolution
from domain.review import FollowUp
from operations import reviews
from operations.reviews import Decision
from providers import ENABLING
from sandbox.misbehaviours import Misbehaviour
from sandbox.sandbox import Sandbox
from tests.purchases.bought import Scene
from tests.purchases.conftest import Driver
from tests.purchases.scenes import open_shop
from tests.rows import stock_item, value
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import Intervention, Step

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

GIVEN_UP = Decision(Resolution.GIVEN_UP, "ana", "nobody answers")
NEXT_ROUND = Intervention("test", "its time has come")


@pytest.fixture(params=["CONNECTED_YOU lookup", "CONNECTED_YOU idempotent"])
def name(request: pytest.FixtureRequest) -> str:
    """Where rounds go on by themselves while the outcome is unknown."""
    found: str = request.param
    return found


@pytest.fixture
async def providers(
    sandbox: Sandbox, name: str, tmp_path: Path
) -> AsyncIterator[dict[str, EsimProvider]]:
    """That shop alone."""
    provider = open_shop(name, sandbox, tmp_path)
    yield {provider.name: provider}
    await provider.aclose()


@pytest.fixture
async def scene(
    driver: Driver,
    sandbox: Sandbox,
    providers: dict[str, EsimProvider],
    watch: Watch,
    pause_points_dir: Path,
) -> Scene:
    """An order that was given up while Temporal was away: the activation still waits for a round.

    The provider is well again.
    """
    scene = Scene(driver, sandbox, providers, watch, pause_points_dir)
    name = scene.provider.name
    sandbox.rule(name, Misbehaviour.RESET_AFTER_BOOKING, operation="order", times=None)
    sandbox.rule(name, Misbehaviour.LOOKUP_ERROR, operation="lookup", times=None)
    await scene.begun()
    await watch.step(scene.order_id, Step.WAITING)
    assert (await scene.intent())["state"] == "UNKNOWN"
    decided = await reviews.decide(scene.engine, scene.order_id, GIVEN_UP, enabling=ENABLING)
    assert decided.follow_up is FollowUp.CANCEL
    sandbox.clear_rules()
    return scene


async def test_the_next_round_buys_nothing_and_ends_the_order(
    scene: Scene, activations: Activations
) -> None:
    """A timer, a customer or a notification comes before the cancel: nothing leaves any more."""
    booked = len(scene.sandbox.ledger.orders(scene.provider.name))
    asked = scene.calls("order")
    await activations.nudge(scene.order_id, NEXT_ROUND)
    assert await scene.watch.ended(scene.order_id) == "cancelled"
    assert (await scene.driver.profile(scene.order_id))["status"] == "CANCELLED"
    assert [each["state"] for each in await scene.driver.intents(scene.order_id)] == ["RESOLVED"]
    assert len(scene.sandbox.ledger.orders(scene.provider.name)) == booked
    assert scene.calls("order") == asked


async def test_a_call_that_was_on_its_way_finds_it_given_up(scene: Scene) -> None:
    """The round had reserved nothing and was about to ask once more: nothing is begun."""
    buying = ProviderActivities(
        scene.engine, PausePoints(), {scene.provider.name: scene.provider}, PurchaseRules()
    )
    asked = scene.calls("order")
    with pytest.raises(ActivationCancelled):
        await ActivityEnvironment().run(
            buying.call_provider, PurchaseOrder(scene.order_id, scene.provider.name)
        )
    assert (await scene.intent())["state"] == "RESOLVED"
    assert scene.calls("order") == asked


async def test_stock_that_has_come_is_not_given_to_it(
    scene: Scene, activations: Activations
) -> None:
    """The customer is owed money by now, not an eSIM: the item stays for the next order."""
    item_id = await stock_item(scene.engine)
    await activations.nudge(scene.order_id, NEXT_ROUND)
    assert await scene.watch.ended(scene.order_id) == "cancelled"
    stocked = "SELECT status FROM esim_inventory WHERE id = :id"
    assert await value(scene.engine, stocked, id=item_id) == "AVAILABLE"
