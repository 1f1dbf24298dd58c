"""Along the plan's route: to the next provider after a definite no, never from a doubt."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.provider import EsimProvider
from sandbox.sandbox import Sandbox
from tests.purchases.conftest import Driver, sell
from tests.purchases.shops import SHOPS
from tests.rows import paid_order, rows, run
from workflows.client import Activations
from workflows.messages import Intervention

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

FIRST, SECOND = "CONNECTED_YOU", "AIRALO"


@pytest.fixture
async def providers(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[dict[str, EsimProvider]]:
    """One that leaves its doubts to people, and one that can be asked."""
    named = {shop.name: shop for shop in SHOPS}
    built = {
        FIRST: named["CONNECTED_YOU review"].build(sandbox, tmp_path / "sandbox"),
        SECOND: named["AIRALO lookup"].build(sandbox, tmp_path / "sandbox"),
    }
    yield built
    for provider in built.values():
        await provider.aclose()


async def _route(engine: AsyncEngine, first_code: str = "ES-5GB") -> None:
    await sell(engine, FIRST, first_code, priority=1)
    await sell(engine, SECOND, priority=2)


def _charges(sandbox: Sandbox) -> tuple[int, int]:
    return len(sandbox.net_charges(FIRST)), len(sandbox.net_charges(SECOND))


@pytest.mark.parametrize("code", ["SOLDOUT-1", "UNKNOWN-1", "NOCREDIT-1"])
async def test_a_definite_no_leads_to_the_next_provider(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, code: str
) -> None:
    """One charge, at the second; the trail names both."""
    await _route(engine, code)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await driver.see_through(order_id)
    assert (await driver.profile(order_id))["status"] == "ACTIVATED"
    assert _charges(sandbox) == (0, 1)
    states = [(each["provider"], each["state"]) for each in await driver.intents(order_id)]
    assert states == [(FIRST, "REFUSED"), (SECOND, "CONFIRMED")]


async def test_a_paused_provider_is_passed_over(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver
) -> None:
    """Nothing is sent to it."""
    await _route(engine)
    await run(
        engine,
        "INSERT INTO provider_gates (provider, paused, paused_by, paused_reason, paused_at)"
        " VALUES (:name, true, 'ana', 'test', now())",
        name=FIRST,
    )
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await driver.see_through(order_id)
    assert (await driver.profile(order_id))["status"] == "ACTIVATED"
    assert sandbox.calls(FIRST) == []
    assert _charges(sandbox) == (0, 1)


@pytest.mark.parametrize("how", ["timeout_after_booking", "reset_after_booking", "malformed_reply"])
async def test_a_doubt_leads_nowhere_else(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, how: str
) -> None:
    """It was charged at the first: the second is not even called."""
    await _route(engine)
    order_id = await paid_order(engine)
    sandbox.rule(FIRST, how, reference=f"order-{order_id}")
    await driver.start(order_id)
    await driver.see_through(order_id)
    assert (await driver.profile(order_id))["status"] == "NEEDS_REVIEW"
    assert _charges(sandbox) == (1, 0)
    assert sandbox.calls(SECOND) == []


async def test_a_retry_elsewhere_does_not_get_around_a_doubt(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, activations: Activations
) -> None:
    """A person's choice of another provider waits until the open purchase is settled."""
    await _route(engine)
    order_id = await paid_order(engine)
    sandbox.rule(FIRST, "reset_after_booking", reference=f"order-{order_id}")
    await driver.start(order_id)
    await driver.see_through(order_id)
    await activations.retry(order_id, Intervention("ana", "try the other one", SECOND))
    await driver.parked_again(order_id, after_rounds=1)
    assert (await driver.profile(order_id))["status"] == "NEEDS_REVIEW"
    assert sandbox.calls(SECOND) == []


async def test_an_order_goes_on_while_any_provider_may_come_back(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver
) -> None:
    """The first is away, the second sold out: not exhausted, but another round."""
    await sell(engine, FIRST, priority=1)
    await sell(engine, SECOND, "SOLDOUT-1", priority=2)
    order_id = await paid_order(engine)
    sandbox.rule(FIRST, "status", reference=f"order-{order_id}", times=3, code=503)
    await driver.start(order_id)
    await driver.see_through(order_id)
    assert (await driver.profile(order_id))["status"] == "ACTIVATED"
    assert _charges(sandbox) == (1, 0)


async def test_a_person_who_names_a_provider_is_taken_at_their_word(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, activations: Activations
) -> None:
    """Only that one is asked, though the route begins elsewhere."""
    await _route(engine, "SOLDOUT-1")
    await run(engine, "UPDATE plan_codes SET plan_code = 'SOLDOUT-2' WHERE provider = 'AIRALO'")
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await driver.see_through(order_id)
    assert (await driver.profile(order_id))["status"] == "EXHAUSTED"
    await run(engine, "UPDATE plan_codes SET plan_code = 'ES-5GB' WHERE provider = 'AIRALO'")
    asked = len(sandbox.calls(FIRST))
    await activations.retry(order_id, Intervention("ana", "they have stock again", SECOND))
    await driver.served(order_id)
    assert len(sandbox.calls(FIRST)) == asked
    assert _charges(sandbox) == (0, 1)


async def test_among_equals_the_default_is_asked_first(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver
) -> None:
    """`ESIM_PROVIDER` decides where `priority` does not, whatever the alphabet says."""
    await sell(engine, FIRST)
    await sell(engine, SECOND)
    await sell(engine, "NOT_DEPLOYED", priority=1)
    order_id = await paid_order(engine)
    await driver.start(order_id)
    await driver.see_through(order_id)
    assert _charges(sandbox) == (1, 0)
    [event] = await rows(
        engine, "SELECT payload FROM esim_provisioning_events WHERE kind = 'purchase_sent'"
    )
    assert event["payload"]["provider"] == FIRST
