"""After the purchase: a code must work before it is handed out; what nobody needs goes back."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.pause_points import PausePoint, PausePoints
from activities.purchase.buy import ProviderActivities, PurchaseOrder, PurchaseRules
from domain.codes import sold_code
from domain.provider import Bought, EsimProvider
from domain.purchase import Resolution
from operations import reviews
from operations.reviews import Decision
from sandbox.misbehaviours import Misbehaviour
from sandbox.sandbox import Sandbox
from tests.doubts import CODE, ICCID
from tests.e2e.invariants import broken
from tests.purchases.bought import Scene
from tests.purchases.conftest import Driver
from tests.purchases.scenes import asked, open_shop, trail
from tests.rows import paid_order, run, stock_item, value
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import Intervention, Step

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

SMDP, CANCELLING, RELEASING = "ES2PLUS", "cancelOrder", "releaseProfile"
ANA = Intervention("ana", "the customer changed their mind")


@pytest.fixture
def name() -> str:
    """Which of SHOPS; tests override it."""
    return SMDP


@pytest.fixture
def changes() -> dict[str, Any]:
    """What its settings differ in; tests override it."""
    return {}


@pytest.fixture
async def providers(
    sandbox: Sandbox, name: str, changes: dict[str, Any], tmp_path: Path
) -> AsyncIterator[dict[str, EsimProvider]]:
    """That shop alone."""
    provider = open_shop(name, sandbox, tmp_path, **changes)
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
    """How these tests tell their story."""
    return Scene(driver, sandbox, providers, watch, pause_points_dir)


IN_ORDER = ["purchase_confirmed", "purchase_released", "profile_assigned"]


async def test_a_code_is_released_after_it_is_kept_and_before_it_is_handed_out(
    scene: Scene,
) -> None:
    """Held right after the commit nothing is released yet: a crash there loses no code."""
    hold = await scene.begun(PausePoint.AFTER_PURCHASE)
    assert scene.calls(RELEASING) == 0
    assert (await scene.intent())["state"] == "CONFIRMED"
    assert (await scene.item())["status"] == "RESERVED"
    hold.release()
    assert await scene.watch.ended(scene.order_id) == "activated"
    assert await scene.bought_and_released() == IN_ORDER
    assert (await scene.intent())["released_at"] is not None
    await scene.settled()
    assert scene.sandbox.download((await scene.item())["iccid"]) == "Installed"


@pytest.mark.parametrize(
    "misbehaviour",
    [
        Misbehaviour.STATUS,
        Misbehaviour.RESET_AFTER_BOOKING,
        Misbehaviour.MALFORMED_REPLY,
    ],
)
async def test_a_release_that_failed_or_whose_answer_was_lost_is_repeated(
    scene: Scene, misbehaviour: Misbehaviour
) -> None:
    """Until it is known to have worked nothing is assigned; bought once."""
    scene.sandbox.rule(SMDP, misbehaviour, operation=RELEASING)
    await scene.begun()
    await scene.driver.see_through(scene.order_id)
    assert (await scene.driver.profile(scene.order_id))["status"] == "ACTIVATED"
    assert await scene.bought_and_released() == IN_ORDER
    assert scene.calls(RELEASING) == 2
    await scene.settled()


async def test_a_release_that_keeps_failing_leaves_the_order_its_profile(
    scene: Scene, driver: Driver
) -> None:
    """A round fails, and the next one releases the same profile: neither stock nor a purchase."""
    scene.sandbox.rule(SMDP, Misbehaviour.STATUS, operation=RELEASING, times=None)
    await scene.begun()
    await scene.watch.step(scene.order_id, Step.WAITING)
    item = await scene.item()
    assert (item["status"], item["order_id"]) == ("RESERVED", scene.order_id)
    assert await scene.bought_and_released() == ["purchase_confirmed"]
    await stock_item(scene.engine)
    scene.sandbox.clear_rules()
    await driver.see_through(scene.order_id)
    profile = await driver.profile(scene.order_id)
    assert (profile["status"], profile["inventory_item_id"]) == ("ACTIVATED", item["id"])
    await scene.settled()


async def test_a_run_that_was_terminated_before_the_release_is_taken_up_with_it(
    scene: Scene, activations: Activations
) -> None:
    """The profile is RESERVED already; the new run must not hand a code out that does not work."""
    scene.sandbox.rule(SMDP, Misbehaviour.STATUS, operation=RELEASING, times=None)
    hold = await scene.begun(PausePoint.AFTER_PURCHASE)
    assert (await scene.driver.profile(scene.order_id))["status"] == "RESERVED"
    await scene.watch.handle(scene.order_id).terminate("a mistake")
    hold.release()
    await scene.sandbox.wait_until(lambda: scene.calls(RELEASING) > 0)
    scene.sandbox.clear_rules()
    await activations.restart(scene.order_id)
    assert await scene.watch.ended(scene.order_id) == "activated"
    assert await scene.bought_and_released() == IN_ORDER
    await scene.settled()


class _Death(BaseException):
    """What a killed process would have done next never happens."""


class _Deadly(PausePoints):
    """A process that dies at one instant."""

    async def reach(self, point: PausePoint, order_id: int) -> None:  # noqa: ARG002 - any order
        """Die there."""
        if point is PausePoint.AFTER_PURCHASE:
            raise _Death


async def test_another_worker_releases_what_a_dead_one_has_bought(
    scene: Scene, engine: AsyncEngine, providers: dict[str, EsimProvider]
) -> None:
    """It finds the profile held, releases it and gives it to the order; nothing is bought."""
    order = PurchaseOrder(await paid_order(engine), SMDP)
    scene.order_id = order.order_id
    dying = ProviderActivities(engine, _Deadly(), providers, PurchaseRules())
    with pytest.raises(_Death):
        await ActivityEnvironment().run(dying.call_provider, order)
    assert (await scene.intent())["released_at"] is None
    living = ProviderActivities(engine, PausePoints(), providers, PurchaseRules())
    item_id = await ActivityEnvironment().run(living.call_provider, order)
    assert item_id == (await scene.item())["id"]
    assert (await scene.intent())["released_at"] is not None
    assert scene.calls(RELEASING) == 1
    await scene.settled()


async def _is_given_back(scene: Scene) -> None:
    """Cancelled, undone at the provider, out of use, and the trail says so."""
    assert await scene.watch.ended(scene.order_id) == "cancelled"
    assert (await scene.driver.profile(scene.order_id))["status"] == "CANCELLED"
    intent, item = await scene.intent(), await scene.item()
    assert (intent["state"], intent["return_error"]) == ("CONFIRMED", None)
    assert intent["returned_at"] is not None
    assert (item["status"], item["iccid"]) == ("RETIRED", None)
    assert item["metadata"]["returned_iccid"]
    assert scene.net_charges() == 0
    assert (await trail(scene.engine, scene.order_id)).count(
        f"purchase_returned {scene.provider.name}"
    ) == 1
    await scene.settled()


@pytest.mark.parametrize("name", [SMDP, "ESIM_ACCESS lookup"])
async def test_a_cancel_while_reserved_gives_the_profile_back(
    scene: Scene, activations: Activations
) -> None:
    """The charge is voided, and nobody holds the profile any more."""
    hold = await scene.begun(PausePoint.AFTER_PURCHASE)
    await activations.cancel(scene.order_id, ANA)
    hold.release()
    await _is_given_back(scene)


@pytest.mark.parametrize(
    "point", [PausePoint.BEFORE_SEND, PausePoint.AFTER_REPLY, PausePoint.AFTER_PURCHASE]
)
async def test_a_refund_on_the_way_gives_the_profile_back(scene: Scene, point: PausePoint) -> None:
    """Refunded once the purchase had left: it is finished, and then undone."""
    hold = await scene.begun(point)
    await run(scene.engine, "UPDATE orders SET status = 'REFUNDED'")
    hold.release()
    await _is_given_back(scene)


async def test_a_return_that_failed_is_repeated(scene: Scene, activations: Activations) -> None:
    """Until the provider has said that it is undone."""
    scene.sandbox.rule(SMDP, Misbehaviour.STATUS, operation=CANCELLING)
    hold = await scene.begun(PausePoint.AFTER_PURCHASE)
    await activations.cancel(scene.order_id, ANA)
    hold.release()
    await _is_given_back(scene)
    assert scene.calls(CANCELLING) == 2


async def test_a_return_whose_answer_was_lost_is_undone_once(
    scene: Scene, activations: Activations
) -> None:
    """Asked again, the SM-DP+ may not tell "cancelled before" from "in use": the row says so."""
    scene.sandbox.rule(SMDP, Misbehaviour.RESET_AFTER_BOOKING, operation=CANCELLING)
    hold = await scene.begun(PausePoint.AFTER_PURCHASE)
    await activations.cancel(scene.order_id, ANA)
    hold.release()
    assert await scene.watch.ended(scene.order_id) == "cancelled"
    intent, item = await scene.intent(), await scene.item()
    assert (item["status"], intent["returned_at"]) == ("RETIRED", None)
    assert intent["return_error"] == "ES2PLUS does not take it back."
    assert scene.calls(CANCELLING) == 2
    assert scene.net_charges() == 0
    await scene.settled()


@pytest.mark.parametrize("known", [True, False], ids=["and we know", "and nobody told us"])
async def test_what_a_device_has_taken_is_not_given_back(
    scene: Scene, activations: Activations, known: bool
) -> None:
    """The charge stands: we do not even ask if we know of it, else the provider refuses."""
    hold = await scene.begun(PausePoint.AFTER_PURCHASE)
    intent, item = await scene.intent(), await scene.item()
    await scene.provider.enable(
        Bought(intent["reference"], intent["provider_order_id"], item["iccid"])
    )
    scene.sandbox.download(item["iccid"])
    if known:
        await run(scene.engine, "UPDATE provider_intents SET downloaded_at = now()")
    await activations.cancel(scene.order_id, ANA)
    hold.release()
    assert await scene.watch.ended(scene.order_id) == "cancelled"
    intent, item = await scene.intent(), await scene.item()
    assert (item["status"], item["iccid"] is not None) == ("RETIRED", True)
    assert (intent["returned_at"], intent["return_error"] is None) == (None, known)
    assert scene.calls(CANCELLING) == (0 if known else 1)
    assert scene.net_charges() == 1
    await scene.settled()


@pytest.mark.parametrize("name", ["CONNECTED_YOU lookup"])
@pytest.mark.parametrize("changes", [{"resale": True}], ids=[""])
async def test_an_unseen_profile_of_a_cancelled_order_is_sold_to_the_next_one(
    scene: Scene, activations: Activations, driver: Driver
) -> None:
    """Where the provider allows it: no second call, no second charge, one customer."""
    hold = await scene.begun(PausePoint.AFTER_PURCHASE)
    await activations.cancel(scene.order_id, ANA)
    hold.release()
    assert await scene.watch.ended(scene.order_id) == "cancelled"
    item = await scene.item()
    assert (item["status"], item["order_id"]) == ("AVAILABLE", None)
    restocked = "inventory_restocked"
    assert restocked in await trail(scene.engine, scene.order_id)
    following = await paid_order(scene.engine)
    await driver.start(following)
    await driver.see_through(following)
    profile = await driver.profile(following)
    assert (profile["status"], profile["inventory_item_id"]) == ("ACTIVATED", item["id"])
    assert await driver.intents(following) == []
    assert asked(scene.sandbox) == ["CONNECTED_YOU order"]
    await scene.settled()


@pytest.mark.parametrize("name", ["CONNECTED_YOU review"])
@pytest.mark.parametrize("changes", [{"resale": True}], ids=[""])
async def test_a_code_that_a_person_brought_is_sold_to_nobody_else(
    scene: Scene, activations: Activations
) -> None:
    """Somebody has seen it: out of use, whatever the provider allows."""
    scene.sandbox.rule("CONNECTED_YOU", Misbehaviour.RESET_AFTER_BOOKING)
    await scene.begun()
    await scene.watch.step(scene.order_id, Step.PARKED)
    brought = Decision(Resolution.EXISTS, "ana", "they say so", sold_code(CODE, ICCID))
    await reviews.decide(scene.engine, scene.order_id, brought, enabling=())
    assert (await scene.item())["status"] == "RESERVED"
    await activations.cancel(scene.order_id, ANA)
    assert await scene.watch.ended(scene.order_id) == "cancelled"
    assert (await scene.item())["status"] == "RETIRED"
    assert "inventory_restocked" not in await trail(scene.engine, scene.order_id)
    await scene.settled()


class TestServedFromStock:
    """Stock came while a purchase of the order was in doubt."""

    @pytest.mark.parametrize(
        ("name", "changes", "fate"),
        [
            ("CONNECTED_YOU lookup", {}, "RETIRED"),
            ("CONNECTED_YOU lookup", {"resale": True}, "AVAILABLE"),
            ("ESIM_ACCESS lookup", {}, "RETIRED"),
        ],
        ids=["kept", "resold", "given back"],
    )
    async def test_what_is_found_afterwards_is_stored_apart(
        self, scene: Scene, driver: Driver, fate: str
    ) -> None:
        """The order keeps its first eSIM; the purchase is closed with an item of its own."""
        provider = scene.provider.name
        scene.sandbox.rule(provider, Misbehaviour.RESET_AFTER_BOOKING, operation="order")
        scene.sandbox.rule(provider, Misbehaviour.LOOKUP_ERROR, operation="lookup", times=None)
        await scene.begun()
        await scene.watch.step(scene.order_id, Step.WAITING)
        assert (await scene.intent())["state"] == "UNKNOWN"
        from_stock = await stock_item(scene.engine)
        scene.sandbox.clear_rules()
        await driver.see_through(scene.order_id)
        assert await scene.watch.ended(scene.order_id) == "activated"
        profile = await driver.profile(scene.order_id)
        assert profile["inventory_item_id"] == from_stock
        intent, item = await scene.intent(), await scene.item()
        assert (intent["state"], intent["inventory_item_id"]) == ("CONFIRMED", item["id"])
        assert (item["status"], item["order_id"]) == (fate, None)
        assert item["metadata"]["bought_for_order"] == scene.order_id
        is_returned = provider == "ESIM_ACCESS"
        assert (intent["returned_at"] is not None) is is_returned
        assert scene.net_charges() == (0 if is_returned else 1)
        await scene.settled()

    @pytest.mark.parametrize("name", ["CONNECTED_YOU review"])
    async def test_what_only_a_person_can_find_stays_a_person_s(
        self, scene: Scene, activations: Activations
    ) -> None:
        """Served by a retry, while the purchase stays on the list of what people look at."""
        scene.sandbox.rule("CONNECTED_YOU", Misbehaviour.RESET_AFTER_BOOKING)
        await scene.begun()
        await scene.watch.step(scene.order_id, Step.PARKED)
        await stock_item(scene.engine)
        await activations.retry(scene.order_id, Intervention("ana", "stock has come"))
        assert await scene.watch.ended(scene.order_id) == "activated"
        assert (await scene.intent())["state"] == "UNKNOWN"
        assert asked(scene.sandbox) == ["CONNECTED_YOU order"]
        unseen = "SELECT count(*) FROM esim_inventory WHERE provider IS NOT NULL"
        assert await value(scene.engine, unseen) == 0
        assert await broken(scene.engine) == []
