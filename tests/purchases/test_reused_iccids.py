"""ICCIDs that come back: after a return, in doubt or not, they are the next customer's.

The SM-DP+ answers 8.2.1/3.5 to whatever it has done before, as SGP.22 wants it.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.pause_points import PausePoint
from domain.provider import EsimProvider
from sandbox.ledger import ProfileState
from sandbox.misbehaviours import Misbehaviour
from sandbox.sandbox import Sandbox
from tests.e2e.invariants import broken
from tests.purchases.bought import Scene
from tests.purchases.conftest import Driver
from tests.purchases.scenes import open_shop, trail, until
from tests.rows import paid_order, rows, value
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import Intervention

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

SMDP = "ES2PLUS"
ANA = Intervention("ana", "the customer changed their mind")
LOST = Misbehaviour.RESET_AFTER_BOOKING


@pytest.fixture
def name() -> str:
    """Which of SHOPS; tests override it."""
    return SMDP


@pytest.fixture
async def providers(
    sandbox: Sandbox, name: str, tmp_path: Path
) -> AsyncIterator[dict[str, EsimProvider]]:
    """That shop alone, with the breaker of a deployment."""
    provider: Any = open_shop(name, sandbox, tmp_path)
    usual = replace(provider.traits.limits, failures_to_open=5)
    provider.traits = replace(provider.traits, limits=usual)
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


async def _cancelled(scene: Scene, activations: Activations) -> int:
    """An order whose profile was bought, and then not needed any more."""
    hold = await scene.begun(PausePoint.AFTER_PURCHASE)
    await activations.cancel(scene.order_id, ANA)
    hold.release()
    assert await scene.watch.ended(scene.order_id) == "cancelled"
    return scene.order_id


async def _served(driver: Driver, order_id: int) -> dict[str, Any]:
    await driver.start(order_id)
    await driver.see_through(order_id)
    profile = await driver.profile(order_id)
    assert profile["status"] == "ACTIVATED"
    return profile


async def _gate(engine: AsyncEngine) -> tuple[int, object]:
    [gate] = await rows(engine, "SELECT failures, opened_at FROM provider_gates")
    return gate["failures"], gate["opened_at"]


async def test_lost_answers_and_a_reused_iccid_cost_nobody_an_esim(
    scene: Scene, driver: Driver, sandbox: Sandbox, activations: Activations
) -> None:
    """Return, confirmation and release lose their answers; one profile each, the breaker closed.

    That the ICCID is sold again proves the return, which nothing else could.
    """
    sandbox.rule(SMDP, LOST, operation="cancelOrder")
    first = await _cancelled(scene, activations)
    [intent] = await driver.intents(first)
    assert (intent["returned_at"], intent["return_error"] is None) == (None, False)
    sandbox.rule(SMDP, Misbehaviour.REUSED_ICCID)
    for operation in ("confirmOrder", "releaseProfile"):
        sandbox.rule(SMDP, LOST, operation=operation)
    second = await paid_order(scene.engine)
    profile = await _served(driver, second)
    assert profile["iccid"] == intent["provider_order_id"]
    assert sandbox.download(profile["iccid"]) == "Installed"
    [charge] = sandbox.net_charges(SMDP)
    assert charge.reference == f"order-{second}"
    [intent] = await driver.intents(first)
    assert (intent["returned_at"] is None, intent["return_error"]) == (False, None)
    assert "purchase_returned ES2PLUS" in await trail(scene.engine, first)
    assert len(sandbox.calls(SMDP, "cancelOrder")) == 2
    assert await _gate(scene.engine) == (0, None)
    assert await broken(scene.engine) == []


@pytest.mark.parametrize("name", [SMDP, "ESIM_ACCESS lookup"])
async def test_a_profile_that_was_given_back_is_the_next_customers(
    scene: Scene, driver: Driver, sandbox: Sandbox, activations: Activations
) -> None:
    """The same ICCID with another code: each order has one purchase, and the second its eSIM."""
    provider = scene.provider.name
    first = await _cancelled(scene, activations)
    sandbox.rule(provider, Misbehaviour.REUSED_ICCID)
    profile = await _served(driver, await paid_order(scene.engine))
    [old, new] = await rows(scene.engine, "SELECT * FROM esim_inventory ORDER BY id")
    assert old["metadata"]["returned_iccid"] == new["iccid"] == profile["iccid"]
    assert old["activation_code"] != new["activation_code"]
    assert (await trail(scene.engine, first)).count(f"purchase_returned {provider}") == 1
    assert len(sandbox.net_charges(provider)) == 1
    assert await broken(scene.engine) == []


@pytest.mark.parametrize("name", [SMDP, "ESIM_ACCESS lookup"])
async def test_a_profile_that_ran_out_is_the_next_customers(
    scene: Scene, driver: Driver, sandbox: Sandbox
) -> None:
    """Its first customer has it on our books still; each has a code of his own."""
    provider = scene.provider.name
    sandbox.rule(provider, Misbehaviour.REUSED_ICCID, times=None)
    profiles = []
    for _ in range(2):
        profiles.append(await _served(driver, await paid_order(scene.engine)))
        sandbox.ledger.void(sandbox.ledger.orders(provider)[-1])
        sandbox.ledger.set_state(profiles[-1]["iccid"], ProfileState("Available"))
    first, second = profiles
    assert first["iccid"] == second["iccid"]
    assert first["qr_payload"] != second["qr_payload"]
    names = "SELECT count(DISTINCT sale_id) FROM esim_inventory"
    assert await value(scene.engine, names) == (2 if provider == "ESIM_ACCESS" else 0)
    assert await broken(scene.engine) == []


async def test_an_iccid_of_a_profile_in_use_is_nobody_elses_on_the_word_of_a_state(
    driver: Driver, sandbox: Sandbox, engine: AsyncEngine
) -> None:
    """The SM-DP+ names a profile of another customer, and the answer to ConfirmOrder is lost.

    That it was confirmed already is the other order's doing: no code is delivered that opens
    nothing, however often the order is tried again.
    """
    first = await paid_order(engine)
    await _served(driver, first)
    sandbox.rule(SMDP, Misbehaviour.DUPLICATE_ICCID)
    sandbox.rule(SMDP, LOST, operation="confirmOrder", reference=f"order-{first}")
    second = await paid_order(engine)
    await driver.start(second)
    await driver.see_through(second)
    assert (await driver.profile(second))["status"] == "NEEDS_REVIEW"
    [intent] = await driver.intents(second)
    assert intent["state"] == "UNKNOWN"
    await driver.activations.retry(second, ANA)
    await driver.parked_again(second, after_rounds=1)
    assert await broken(engine) == []


async def test_what_the_smdp_answers_never_opens_the_breaker(
    driver: Driver, sandbox: Sandbox, engine: AsyncEngine
) -> None:
    """It fails one function after the other, more often than a breaker bears, and is in health."""
    sandbox.rule(SMDP, Misbehaviour.BAD_CREDENTIALS, operation="confirmOrder", times=7)
    order_id = await paid_order(engine)
    await driver.start(order_id)

    async def failed_often() -> bool:
        """Whether it was asked seven times; each news makes the order ask again."""
        await driver.activations.tell_of_purchase(order_id)
        return len(sandbox.calls(SMDP, "confirmOrder")) >= 7

    await until(failed_often)
    assert await _gate(engine) == (0, None)
    await driver.see_through(order_id)
    assert (await driver.profile(order_id))["status"] == "ACTIVATED"
