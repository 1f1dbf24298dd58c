"""Orders that a provider takes on and delivers later: waited for, never bought a second time."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.notice import NoticeKind
from domain.provider import EsimProvider
from sandbox.misbehaviours import Misbehaviour
from sandbox.sandbox import Sandbox
from tests.e2e.invariants import broken
from tests.notices import notice, receive
from tests.purchases.accepted import NEVER, Scene
from tests.purchases.conftest import Driver, sell
from tests.purchases.scenes import open_shop, trail, until
from tests.purchases.shops import SHOPS, Shop
from tests.rows import paid_order, rows
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import Intervention, Step
from workflows.policies import MAXIMUM_NEWS

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

NAMES = ("ESIM_ACCESS lookup", "AIRALO async")
SPARE = "CONNECTED_YOU"
ANA = Intervention("ana", "the customer changed their mind")


@pytest.fixture(params=NAMES)
def shop(request: pytest.FixtureRequest) -> Shop:
    """Both that deliver later, where nothing but a look-up or a notification tells."""
    return next(each for each in SHOPS if each.name == request.param)


@pytest.fixture
def changes() -> dict[str, Any]:
    """What the shop's settings differ in; tests override it."""
    return {}


@pytest.fixture
async def providers(
    sandbox: Sandbox, shop: Shop, changes: dict[str, Any], tmp_path: Path
) -> AsyncIterator[dict[str, EsimProvider]]:
    """The shop, and a spare one that sells at once to those whose route names it."""
    built = [
        open_shop(shop.name, sandbox, tmp_path, **changes),
        open_shop("CONNECTED_YOU review", sandbox, tmp_path),
    ]
    yield {provider.name: provider for provider in built}
    for provider in built:
        await provider.aclose()


@pytest.fixture
def scene(engine: AsyncEngine, sandbox: Sandbox, shop: Shop, driver: Driver, watch: Watch) -> Scene:
    """How these tests tell their story."""
    return Scene(engine, sandbox, shop, driver, watch)


@pytest.mark.history("accepted-then-delivered")
async def test_news_make_an_accepted_order_be_looked_at_at_once(scene: Scene) -> None:
    """It waits in BUYING; news that come too early change nothing, later ones bring the eSIM."""
    await scene.accepted()
    state = await scene.watch.step(scene.order_id, Step.BUYING)
    profile = await scene.driver.profile(scene.order_id)
    assert (state.failure, profile["status"]) == (None, "PENDING_ACTIVATION")
    await scene.told()
    await scene.delivered()
    await scene.told()
    assert await scene.watch.ended(scene.order_id) == "activated"
    assert await scene.timers_fired() == 0
    assert len(scene.sandbox.net_charges()) == 1
    kinds = [each for each in await trail(scene.engine, scene.order_id) if "purchase" in each]
    name = scene.shop.provider
    assert kinds == [f"purchase_{done} {name}" for done in ("sent", "accepted", "confirmed")]
    assert await broken(scene.engine) == []


async def test_an_order_that_is_accepted_has_not_failed_any_more(scene: Scene) -> None:
    """The round before had failed: whoever asks learns that it is under way, and nudges nothing."""
    scene.sandbox.rule(scene.shop.provider, Misbehaviour.STATUS, code=503, times=3)
    scene.sandbox.rule(
        scene.shop.provider, Misbehaviour.ALLOCATION_DELAY, seconds=NEVER, times=None
    )
    scene.order_id = await paid_order(scene.engine)
    await scene.driver.start(scene.order_id)
    await scene.watch.until(scene.order_id, "failure_code = 'provider-unavailable'")
    await scene.driver.activations.nudge(scene.order_id, ANA)
    await scene.watch.until(scene.order_id, "failed_rounds = 1 AND failure_code IS NULL")
    assert (await scene.intent())["state"] == "ACCEPTED"


async def test_a_lost_notification_is_made_up_for_by_asking(scene: Scene) -> None:
    """Nobody tells: the clock makes it look, without a failed round."""
    await scene.accepted()
    assert await scene.watch.ended(scene.order_id) == "activated"
    assert await scene.timers_fired() >= 1
    assert (await scene.driver.profile(scene.order_id))["failed_rounds"] == 0
    assert len(scene.sandbox.net_charges()) == 1


class TestOne:
    """What is the same at both is shown at one."""

    @pytest.fixture
    def shop(self) -> Shop:
        """The one whose look-up lists nothing before the delivery."""
        return next(each for each in SHOPS if each.name == "AIRALO async")

    async def test_an_earlier_failure_does_not_end_the_order_that_replaced_it(
        self, scene: Scene, activations: Activations
    ) -> None:
        """The list shows the failed one alone: nothing is bought elsewhere beside the new one."""
        await scene.accepted(delay=None)
        name, first = scene.shop.provider, await scene.intent()
        await receive(scene.engine, _failed(name, first["provider_order_id"]), provider=name)
        await scene.told()
        await scene.watch.step(scene.order_id, Step.PARKED)
        await sell(scene.engine, name, priority=1)
        await sell(scene.engine, SPARE, priority=2)
        scene.sandbox.rule(name, Misbehaviour.ALLOCATION_DELAY, seconds=3)
        await activations.retry(scene.order_id, ANA)
        await scene.looked_up()
        assert (await scene.intent())["state"] == "ACCEPTED"
        await scene.delivered()
        await scene.told()
        assert await scene.watch.ended(scene.order_id) == "activated"
        assert [charge.provider for charge in scene.sandbox.net_charges()] == [name]
        assert await broken(scene.engine) == []

    async def test_a_flood_of_news_is_heeded_so_many_times_only(self, scene: Scene) -> None:
        """Beyond that the clock alone decides, and nothing was hurried into a review."""
        await scene.accepted(delay=NEVER)
        for heard in range(MAXIMUM_NEWS):
            await scene.told()

            async def looked(before: int = heard) -> bool:
                return scene.look_ups > before

            await until(looked)
        for _ in range(5):
            await scene.told()
        state = await scene.watch.step(scene.order_id, Step.BUYING)
        assert state.failed_rounds == 0
        assert scene.look_ups <= MAXIMUM_NEWS + await scene.timers_fired()
        assert len(scene.sandbox.charges()) == 1


def _failed(name: str, provider_order_id: str, **fields: Any) -> Any:
    return notice(
        NoticeKind.ORDER_FAILED,
        f"{name}-failed",
        provider_order_id=provider_order_id,
        reason="The package is gone.",
        **fields,
    )


async def test_an_order_that_its_provider_calls_failed_is_bought_elsewhere(scene: Scene) -> None:
    """Signed, of exactly this order: refused there, sold by the spare one, one net charge."""
    name = scene.shop.provider
    await sell(scene.engine, name, priority=1)
    await sell(scene.engine, SPARE, priority=2)
    await scene.accepted(delay=None)
    accepted = await scene.intent()
    await receive(scene.engine, _failed(name, accepted["provider_order_id"]), provider=name)
    await scene.told()
    assert await scene.watch.ended(scene.order_id) == "activated"
    states = [
        (each["provider"], each["state"]) for each in await scene.driver.intents(scene.order_id)
    ]
    assert states == [(name, "REFUSED"), (SPARE, "CONFIRMED")]
    assert [charge.provider for charge in scene.sandbox.net_charges()] == [SPARE]
    assert scene.look_ups == 0
    assert await broken(scene.engine) == []


@pytest.mark.parametrize("shop", ["AIRALO async"], indirect=True)
async def test_an_order_that_failed_is_bought_anew_by_a_retry(
    scene: Scene, activations: Activations
) -> None:
    """The same reference, a new order of the provider's: the old failure does not end that one."""
    name = scene.shop.provider
    await scene.accepted(delay=None)
    first = await scene.intent()
    await receive(scene.engine, _failed(name, first["provider_order_id"]), provider=name)
    await scene.told()
    await scene.watch.step(scene.order_id, Step.PARKED)
    profile = await scene.driver.profile(scene.order_id)
    assert (profile["status"], profile["failure_code"]) == (
        "PROVISIONING_FAILED",
        "provider-order-failed",
    )
    assert "The package is gone." in profile["failure_reason"]
    await activations.retry(scene.order_id, ANA)
    await scene.driver.see_through(scene.order_id)
    assert (await scene.driver.profile(scene.order_id))["status"] == "ACTIVATED"
    second = await scene.intent()
    assert second["reference"] == first["reference"]
    assert second["provider_order_id"] != first["provider_order_id"]
    assert len(scene.sandbox.net_charges()) == 1


@pytest.mark.parametrize(
    ("own_order", "trusted"),
    [(False, True), (True, False)],
    ids=["signed, of another order", "not signed"],
)
async def test_what_is_not_signed_or_not_of_this_order_ends_nothing(
    scene: Scene,
    own_order: bool,
    trusted: bool,
) -> None:
    """Although it names our reference: it makes us look, and the look-up brings the eSIM."""
    name = scene.shop.provider
    await scene.accepted()
    order = (await scene.intent())["provider_order_id"] if own_order else "ANOTHER-1"
    reference = f"order-{scene.order_id}"
    told = _failed(name, order, reference=reference, trusted=trusted)
    assert await receive(scene.engine, told, provider=name) == {scene.order_id}
    await scene.told()
    await scene.delivered()
    await scene.told()
    assert await scene.watch.ended(scene.order_id) == "activated"
    assert [each["state"] for each in await scene.driver.intents(scene.order_id)] == ["CONFIRMED"]
    assert len(scene.sandbox.net_charges()) == 1


@pytest.mark.parametrize("changes", [{}, {"resale": True}], ids=["", "resale"])
@pytest.mark.history("cancelled-while-accepted-then-returned")
async def test_an_order_cancelled_while_accepted_ends_at_once_and_is_settled_on_delivery(
    scene: Scene, activations: Activations, changes: dict[str, Any]
) -> None:
    """The customer's part is over at once; the profile is given back, resold or kept for nobody."""
    await scene.accepted()
    await activations.cancel(scene.order_id, ANA)
    await scene.watch.until(scene.order_id, "status = 'CANCELLED'")
    assert (await scene.intent())["state"] == "ACCEPTED"
    assert await scene.unsettled() == scene.shop.provider
    assert (await scene.watch.handle(scene.order_id).describe()).close_time is None
    await scene.delivered()

    async def is_settled() -> bool:
        await scene.told()
        return (await scene.watch.handle(scene.order_id).describe()).close_time is not None

    await until(is_settled)
    assert await scene.watch.ended(scene.order_id) == "cancelled"
    intent = await scene.intent()
    [item] = await rows(scene.engine, "SELECT status, order_id FROM esim_inventory")
    is_returned = scene.shop.provider == "ESIM_ACCESS" and not changes
    assert item["status"] == ("AVAILABLE" if changes else "RETIRED")
    assert (intent["state"], intent["returned_at"] is not None) == ("CONFIRMED", is_returned)
    assert len(scene.sandbox.charges()) == 1
    assert len(scene.sandbox.net_charges()) == (0 if is_returned else 1)
    assert await scene.unsettled() is None
    assert await broken(scene.engine) == []
