"""Which provider is asked, which one comes next, and when nobody else may be asked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import provider_controls
from db.engine import transaction
from domain.provider import EsimProvider
from domain.purchase import Ambiguity
from sandbox.misbehaviours import Misbehaviour
from sandbox.sandbox import Sandbox
from tests.e2e.invariants import broken
from tests.purchases.conftest import Driver, sell
from tests.purchases.scenes import asked, open_shop, trail
from tests.rows import paid_order
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.messages import Intervention, Step

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

A, B, C = "CONNECTED_YOU", "AIRALO", "ESIM_ACCESS"
ELSEWHERE = Intervention("ana", "buy it there", B)


@pytest.fixture
def ambiguity() -> Ambiguity:
    """What A has confirmed; tests override it."""
    return Ambiguity.REVIEW


@pytest.fixture
async def providers(
    sandbox: Sandbox, ambiguity: Ambiguity, tmp_path: Path
) -> AsyncIterator[dict[str, EsimProvider]]:
    """A is the default; B sells at once, C delivers later."""
    names = (f"{A} {ambiguity}", f"{B} lookup", f"{C} lookup")
    built = [open_shop(name, sandbox, tmp_path) for name in names]
    yield {provider.name: provider for provider in built}
    for provider in built:
        await provider.aclose()


async def _pause(engine: AsyncEngine, provider: str) -> None:
    async with transaction(engine) as connection:
        await provider_controls.pause(connection, provider, "ana", "a test")


async def _activated_at(
    provider: str, engine: AsyncEngine, sandbox: Sandbox, driver: Driver, order_id: int
) -> None:
    """One charge, there, and the eSIM is its; nothing is left open."""
    await driver.see_through(order_id)
    assert (await driver.profile(order_id))["status"] == "ACTIVATED"
    charges = sandbox.net_charges(reference=f"order-{order_id}")
    assert [charge.provider for charge in charges] == [provider]
    gave = [each for each in await driver.intents(order_id) if each["state"] == "CONFIRMED"]
    assert [each["provider"] for each in gave] == [provider]
    assert await broken(engine) == []


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("SOLDOUT-5GB", "purchase_refused"),
        ("UNKNOWN-5GB", "purchase_refused"),
        ("NOCREDIT-5GB", "purchase_refused"),
    ],
)
@pytest.mark.history("failed-over")
async def test_what_one_does_not_sell_the_next_one_does(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, code: str, event: str
) -> None:
    """A says no for certain; B sells in the same round, and the trail names both."""
    await sell(engine, A, code, 1)
    await sell(engine, B, priority=2)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await _activated_at(B, engine, sandbox, driver, order_id)
    assert (await driver.profile(order_id))["failed_rounds"] == 0
    story = await trail(engine, order_id)
    bought = [f"purchase_sent {A}", f"{event} {A}", f"purchase_sent {B}", f"purchase_confirmed {B}"]
    assert [each for each in story if each.startswith("purchase")] == bought


@pytest.mark.parametrize(
    ("misbehaviour", "event"),
    [
        (Misbehaviour.BAD_CREDENTIALS, "purchase_unavailable"),
        (Misbehaviour.STATUS, "purchase_unavailable"),
    ],
)
async def test_who_refuses_us_or_is_away_is_passed_over(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, misbehaviour: Misbehaviour, event: str
) -> None:
    """Wrong credentials, or 503 on every attempt: nothing was booked at A, so B is asked."""
    sandbox.rule(A, misbehaviour, times=None)
    await sell(engine, A, priority=1)
    await sell(engine, B, priority=2)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await _activated_at(B, engine, sandbox, driver, order_id)
    assert (await driver.profile(order_id))["failed_rounds"] == 0
    story = await trail(engine, order_id)
    assert f"{event} {A}" in story
    assert story.index(f"{event} {A}") < story.index(f"purchase_sent {B}")


async def test_a_paused_provider_is_passed_over_without_a_call(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver
) -> None:
    """Nothing leaves towards A, not even a purchase on paper; B sells in the same round."""
    await sell(engine, A, priority=1)
    await sell(engine, B, priority=2)
    await _pause(engine, A)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await _activated_at(B, engine, sandbox, driver, order_id)
    assert sandbox.calls(A) == []
    assert [each["provider"] for each in await driver.intents(order_id)] == [B]


@pytest.mark.parametrize(
    "how",
    [
        Misbehaviour.TIMEOUT_AFTER_BOOKING,
        Misbehaviour.RESET_AFTER_BOOKING,
        Misbehaviour.MALFORMED_REPLY,
    ],
)
async def test_a_lost_answer_in_review_mode_leaves_nobody_else_to_ask(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, how: Misbehaviour
) -> None:
    """A may have booked, and has: a person is asked, and B never."""
    sandbox.rule(A, how)
    await sell(engine, A, priority=1)
    await sell(engine, B, priority=2)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await driver.see_through(order_id)
    assert (await driver.profile(order_id))["status"] == "NEEDS_REVIEW"
    assert asked(sandbox) == [f"{A} order"]
    assert sandbox.calls(B) == []
    assert [charge.provider for charge in sandbox.net_charges()] == [A]
    assert [each["state"] for each in await driver.intents(order_id)] == ["UNKNOWN"]


class TestLookup:
    """A can be asked for a reference."""

    @pytest.fixture
    def ambiguity(self) -> Ambiguity:
        """A is looked up."""
        return Ambiguity.LOOKUP

    async def test_a_lost_answer_is_found_and_nobody_else_is_asked(
        self, engine: AsyncEngine, sandbox: Sandbox, driver: Driver
    ) -> None:
        """The look-up finds what A booked: one charge, at A."""
        sandbox.rule(A, Misbehaviour.TIMEOUT_AFTER_BOOKING)
        await sell(engine, A, priority=1)
        await sell(engine, B, priority=2)
        order_id = await paid_order(engine)
        await driver.start(order_id)
        await _activated_at(A, engine, sandbox, driver, order_id)
        assert sandbox.calls(B) == []

    async def test_an_open_purchase_is_settled_before_anybody_s_choice(
        self,
        engine: AsyncEngine,
        sandbox: Sandbox,
        driver: Driver,
        activations: Activations,
        watch: Watch,
    ) -> None:
        """Sent back to B while A may have booked: A is asked again, and its code is delivered."""
        sandbox.rule(A, Misbehaviour.RESET_AFTER_BOOKING)
        sandbox.rule(A, Misbehaviour.LOOKUP_ERROR, operation="lookup", times=None)
        await sell(engine, A, priority=1)
        await sell(engine, B, priority=2)
        order_id = await paid_order(engine)
        await driver.start(order_id)
        await watch.step(order_id, Step.WAITING)
        sandbox.clear_rules()
        await activations.retry(order_id, ELSEWHERE)
        await _activated_at(A, engine, sandbox, driver, order_id)
        assert sandbox.calls(B) == []

    async def test_an_absence_that_is_believed_lets_another_provider_sell(
        self, engine: AsyncEngine, sandbox: Sandbox, driver: Driver
    ) -> None:
        """A booked nothing, says so twice, and then has sold out: one charge, at B."""
        sandbox.rule(A, Misbehaviour.RESET_BEFORE_BOOKING)
        sandbox.rule(A, Misbehaviour.OUT_OF_STOCK, times=None)
        await sell(engine, A, priority=1)
        await sell(engine, B, priority=2)
        order_id = await paid_order(engine)
        await driver.start(order_id)
        await _activated_at(B, engine, sandbox, driver, order_id)
        assert f"purchase_absent {A}" in await trail(engine, order_id)


async def test_a_purchase_under_review_is_not_bought_elsewhere_by_a_retry(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, activations: Activations, watch: Watch
) -> None:
    """A person sends it to B before anybody has settled A's: it waits for a person still."""
    sandbox.rule(A, Misbehaviour.RESET_AFTER_BOOKING)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await watch.step(order_id, Step.PARKED)
    await activations.retry(order_id, ELSEWHERE)
    await watch.until(order_id, "failed_rounds = 2 AND status = 'NEEDS_REVIEW'")
    assert sandbox.calls(B) == []
    assert len(sandbox.net_charges()) == 1


async def test_priority_decides_and_the_default_goes_first_among_equals(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver
) -> None:
    """C is first by its priority; of A and B, the default is asked before the other name."""
    await sell(engine, A, "SOLDOUT-5GB", 100)
    await sell(engine, B, priority=100)
    await sell(engine, C, "SOLDOUT-5GB", 50)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await _activated_at(B, engine, sandbox, driver, order_id)
    assert asked(sandbox) == [f"{C} order", f"{A} order", f"{B} order"]


async def test_a_plan_without_a_route_is_asked_of_the_default(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver
) -> None:
    """By its own external id."""
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await _activated_at(A, engine, sandbox, driver, order_id)
    assert [charge.plan_code for charge in sandbox.charges()] == ["ES-5GB"]


async def test_who_is_not_deployed_is_skipped(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver
) -> None:
    """First by priority, but not here: the next one sells, first in line or after a refusal."""
    await sell(engine, "NOBODY", priority=1)
    await sell(engine, B, "SOLDOUT-5GB", 2)
    await sell(engine, "NOBODY_EITHER", priority=3)
    await sell(engine, A, priority=4)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await _activated_at(A, engine, sandbox, driver, order_id)
    assert asked(sandbox) == [f"{B} order", f"{A} order"]


async def test_a_person_s_choice_is_asked_and_nobody_else(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, activations: Activations, watch: Watch
) -> None:
    """Parked, then sent to B, which has sold out: nobody else, although C would sell."""
    await sell(engine, A, "UNKNOWN-5GB", 1)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await watch.step(order_id, Step.PARKED)
    await sell(engine, C, priority=2)
    sandbox.rule(B, Misbehaviour.OUT_OF_STOCK)
    await activations.retry(order_id, ELSEWHERE)
    await watch.until(order_id, "status = 'EXHAUSTED'")
    assert asked(sandbox) == [f"{A} order", f"{B} order"]
    await watch.step(order_id, Step.PARKED)
    await activations.retry(order_id, ELSEWHERE)
    await _activated_at(B, engine, sandbox, driver, order_id)
    assert sandbox.calls(C) == []


async def test_a_choice_that_was_refused_is_forgotten(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, activations: Activations, watch: Watch
) -> None:
    """C does not know the plan: the next retry goes along the plan's route again."""
    await sell(engine, A, "UNKNOWN-5GB", 1)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await watch.step(order_id, Step.PARKED)
    await sell(engine, B, priority=2)
    sandbox.rule(C, Misbehaviour.UNKNOWN_PLAN)
    await activations.retry(order_id, Intervention("ana", "buy it there", C))
    await watch.until(order_id, "status = 'PROVISIONING_FAILED' AND failed_rounds = 2")
    await watch.step(order_id, Step.PARKED)
    await activations.retry(order_id, Intervention("ana", "along the route"))
    await _activated_at(B, engine, sandbox, driver, order_id)


async def test_the_failure_with_most_hope_decides_what_an_order_waits_for(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, watch: Watch
) -> None:
    """A is away, B has sold out: rounds go on, and the order is not parked for B's sake."""
    sandbox.rule(A, Misbehaviour.STATUS, times=None)
    await sell(engine, A, priority=1)
    await sell(engine, B, "SOLDOUT-5GB", 2)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    state = await watch.step(order_id, Step.WAITING)
    assert state.failure is not None
    assert state.failure.code == "provider-unavailable"
    assert (await driver.profile(order_id))["status"] == "PENDING_ACTIVATION"
    sandbox.clear_rules()
    await _activated_at(A, engine, sandbox, driver, order_id)


async def test_an_order_that_nobody_sells_is_parked_for_stock(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver
) -> None:
    """Sold out everywhere: each is asked once, nothing is charged, and stock would serve it."""
    for provider in (A, B, C):
        await sell(engine, provider, "SOLDOUT-5GB")
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await driver.see_through(order_id)
    assert (await driver.profile(order_id))["status"] == "EXHAUSTED"
    assert asked(sandbox) == [f"{A} order", f"{B} order", f"{C} order"]
    assert sandbox.charges() == []


@pytest.mark.parametrize("codes", [("SOLDOUT-5GB", "UNKNOWN-5GB"), ("UNKNOWN-5GB", "SOLDOUT-5GB")])
async def test_stock_helps_an_order_that_one_of_them_has_sold_out(
    engine: AsyncEngine, driver: Driver, codes: tuple[str, str]
) -> None:
    """Whoever of the two has sold out: the order looks again by itself, as any without stock."""
    await sell(engine, A, codes[0], 1)
    await sell(engine, C, codes[1], 2)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await driver.see_through(order_id)
    assert (await driver.profile(order_id))["status"] == "EXHAUSTED"


@pytest.mark.parametrize("first", [Misbehaviour.STATUS, Misbehaviour.OUT_OF_STOCK])
async def test_a_doubt_at_the_second_is_not_hidden_by_the_first_one_s_failure(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, watch: Watch, first: Misbehaviour
) -> None:
    """B is away or sold out, A cannot be read: a person is asked in the first round."""
    sandbox.rule(B, first, times=None)
    sandbox.rule(A, Misbehaviour.EMPTY_REPLY)
    await sell(engine, B, priority=1)
    await sell(engine, A, priority=2)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await watch.until(order_id, "failed_rounds = 1")
    assert (await driver.profile(order_id))["status"] == "NEEDS_REVIEW"
    assert len(sandbox.net_charges()) == 1
