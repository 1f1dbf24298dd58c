"""Orders that are accepted and never delivered, on a server that skips time."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import WorkflowEnvironment

from sandbox.sandbox import Sandbox
from tests.purchases.accepted import NEVER, Scene
from tests.purchases.conftest import Driver
from tests.purchases.scenes import asked, until
from tests.purchases.shops import SHOPS, Shop
from tests.skipped_time import environment, purchase_rules, temporal_client
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import Intervention, Step
from workflows.policies import DELIVERY_WAITS, SETTLEMENT_WAITS

__all__ = ["environment", "purchase_rules", "temporal_client"]

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

ANA = Intervention("ana", "the customer changed their mind")


@pytest.fixture
def shop() -> Shop:
    """The one whose look-up says that the order is still being allocated."""
    return next(each for each in SHOPS if each.name == "ESIM_ACCESS lookup")


@pytest.fixture
def scene(engine: AsyncEngine, sandbox: Sandbox, shop: Shop, driver: Driver, watch: Watch) -> Scene:
    """How these tests tell their story."""
    return Scene(engine, sandbox, shop, driver, watch)


async def test_an_order_that_is_not_delivered_in_a_day_is_looked_at_by_a_person(
    scene: Scene, environment: WorkflowEnvironment
) -> None:
    """Asked for at every wait, not bought again; the second purchase of a day never comes."""
    await scene.accepted(delay=NEVER)
    for _ in range(30):
        await environment.sleep(3600)
    await scene.watch.until(scene.order_id, "status = 'NEEDS_REVIEW'")
    [intent] = await scene.driver.intents(scene.order_id)
    assert intent["state"] == "UNKNOWN"
    assert "has not delivered it in time" in intent["error"]
    assert len(scene.sandbox.charges()) == 1
    assert asked(scene.sandbox).count(f"{scene.shop.provider} {scene.shop.purchase}") == 1
    assert scene.look_ups == len(DELIVERY_WAITS)
    assert len(await scene.watch.history_types(scene.order_id)) < 1000


async def test_who_keeps_asking_does_not_put_the_end_of_the_day_off(
    scene: Scene, environment: WorkflowEnvironment
) -> None:
    """A retry within each wait goes on with that wait, and does not begin it anew."""
    await scene.accepted(delay=NEVER)
    for _ in range(23):
        await scene.watch.handle(scene.order_id).signal("retry", ANA)
        await environment.sleep(3600)
    await scene.watch.step(scene.order_id, Step.BUYING)
    await environment.sleep(2 * 3600)
    await scene.watch.until(scene.order_id, "status = 'NEEDS_REVIEW'")
    assert len(scene.sandbox.charges()) == 1


async def test_news_of_a_cancelled_order_do_not_hurry_it_into_a_review(
    scene: Scene, activations: Activations, environment: WorkflowEnvironment
) -> None:
    """It is looked at for each, and given to a person when the time is over, not before."""
    await scene.accepted(delay=NEVER)
    await activations.cancel(scene.order_id, ANA)
    await scene.watch.until(scene.order_id, "status = 'CANCELLED'")
    for _ in range(len(SETTLEMENT_WAITS) + 1):
        before = scene.look_ups
        await scene.told()

        async def looked(before: int = before) -> bool:
            return scene.look_ups > before

        await until(looked)
    assert (await scene.intent())["state"] == "ACCEPTED"
    for _ in range(27):
        await environment.sleep(3600)
    assert await scene.watch.ended(scene.order_id) == "cancelled"
    assert (await scene.intent())["state"] == "UNKNOWN"
