"""One gate for the whole fleet: two workers keep a wait, a pause, a rate and a spend guard."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.purchase.buy import PurchaseRules
from db import provider_controls
from db.engine import create_engine, transaction
from domain.gate import SpendLimits
from domain.provider import Answer, EsimProvider, ProvisionRequest
from local.temporal import TemporalServer
from sandbox.misbehaviours import Misbehaviour
from sandbox.sandbox import Sandbox
from settings import WorkerSettings
from tests.e2e.invariants import broken
from tests.purchases.conftest import Driver, sell
from tests.purchases.scenes import asked, open_shop, trail, until
from tests.rows import paid_order, run, value
from tests.workflows.conftest import Watch
from worker import build_workers, running
from workflows.messages import Step

pytestmark = pytest.mark.usefixtures("catalogue", "fleet")

A, B, C = "CONNECTED_YOU", "AIRALO", "ESIM_ACCESS"
ONLY_AT_A = 7
"""A plan that nobody but A sells."""


@dataclass
class Fleet:
    """Two workers, as two processes have them: engines and adapters of their own.

    Attributes:
        bought: how many purchases each of them has sent.
    """

    bought: list[int] = field(default_factory=lambda: [0, 0])

    def counted(self, number: int, provider: EsimProvider) -> EsimProvider:
        """The same provider, whose purchases count for one worker."""
        provision = provider.provision

        async def counting(request: ProvisionRequest) -> Answer:
            self.bought[number] += 1
            return await provision(request)

        patched: Any = provider
        patched.provision = counting
        return provider


@pytest.fixture
def limits() -> dict[str, Any]:
    """What A bears less than all one could ask for; tests override it."""
    return {}


@pytest.fixture
async def fleet(
    temporal_server: TemporalServer,
    database_url: str,
    sandbox: Sandbox,
    task_queue: str,
    purchase_rules: PurchaseRules,
    limits: dict[str, Any],
    tmp_path: Path,
) -> AsyncIterator[Fleet]:
    """Two workers on the same queues and the same database."""
    fleet = Fleet()
    async with AsyncExitStack() as stack:
        for number in range(2):
            engine = create_engine(database_url)
            stack.push_async_callback(engine.dispose)
            built = [
                _limited(open_shop("CONNECTED_YOU review", sandbox, tmp_path), limits),
                open_shop("AIRALO lookup", sandbox, tmp_path),
                open_shop("ESIM_ACCESS lookup", sandbox, tmp_path),
            ]
            for provider in built:
                stack.push_async_callback(provider.aclose)
            workers = build_workers(
                await Client.connect(temporal_server.address),
                engine,
                {provider.name: fleet.counted(number, provider) for provider in built},
                task_queue=task_queue,
                default_provider=A,
                settings=WorkerSettings(worker_graceful_shutdown_seconds=0.1),
                purchases=purchase_rules,
            )
            await stack.enter_async_context(running(workers))
        yield fleet


def _limited(provider: EsimProvider, limits: dict[str, Any]) -> EsimProvider:
    patched: Any = provider
    patched.traits = replace(provider.traits, limits=replace(provider.traits.limits, **limits))
    return provider


async def _orders(engine: AsyncEngine, driver: Driver, count: int) -> list[int]:
    """So many orders, all begun."""
    orders = [await paid_order(engine) for _ in range(count)]
    for order_id in orders:
        await driver.start(order_id)
    return orders


async def _all_activated(driver: Driver, orders: list[int], sandbox: Sandbox) -> None:
    await driver.see_through(*orders)
    states = [(await driver.profile(order_id))["status"] for order_id in orders]
    assert states == ["ACTIVATED"] * len(orders)
    charged = [charge.reference for charge in sandbox.net_charges()]
    assert sorted(charged) == sorted(f"order-{order_id}" for order_id in orders)
    assert await broken(driver.engine) == []


class TestAskedToWait:
    """A answers 429 and says when it wants to be called again."""

    @pytest.fixture
    def limits(self) -> dict[str, Any]:
        """Two calls at once from each worker, so that both are needed."""
        return {"max_concurrent": 2}

    @pytest.mark.parametrize("seconds", [2, 6], ids=["inside the call", "as a failed round"])
    async def test_a_retry_after_is_kept_by_every_worker(
        self, engine: AsyncEngine, sandbox: Sandbox, driver: Driver, fleet: Fleet, seconds: int
    ) -> None:
        """One order is told to wait: ten others do not call before that; all are served."""
        sandbox.rule(A, Misbehaviour.RATE_LIMITED, retry_after=seconds)
        first = await _orders(engine, driver, 1)
        blocked = "SELECT count(*) FROM provider_gates WHERE blocked_until IS NOT NULL"
        await until(lambda: value(engine, blocked))
        sandbox.rule(A, Misbehaviour.LATENCY, seconds=0.2, times=None)
        orders = first + await _orders(engine, driver, 10)
        await _all_activated(driver, orders, sandbox)
        moments = [call.monotonic_time for call in sandbox.calls(A)]
        assert moments[1] - moments[0] >= seconds
        assert len(moments) == 12
        assert min(fleet.bought) > 0


class TestRate:
    """A bears five calls a second."""

    @pytest.fixture
    def limits(self) -> dict[str, Any]:
        """Five a second, by the whole fleet."""
        return {"rate_per_second": 5}

    async def test_calls_arrive_no_faster_than_the_rate_of_the_fleet(
        self, engine: AsyncEngine, sandbox: Sandbox, driver: Driver, fleet: Fleet
    ) -> None:
        """Twelve orders at once wait for their turn inside their call: no round fails for it."""
        orders = await _orders(engine, driver, 12)
        await _all_activated(driver, orders, sandbox)
        moments = [call.monotonic_time for call in sandbox.calls(A)]
        on_the_way = 0.5  # a permit is dated when it is given, an arrival when it was noticed
        for number in range(1, len(moments)):
            assert moments[number] - moments[0] >= number / 5 - on_the_way
        rounds = [(await driver.profile(order_id))["failed_rounds"] for order_id in orders]
        assert rounds == [0] * 12
        assert sum(fleet.bought) == 12
        assert min(fleet.bought) > 0


async def _only_at_a(engine: AsyncEngine) -> int:
    await run(
        engine,
        "INSERT INTO plans (id, name, price_minor_units) VALUES (:id, 'Only at A', 1)",
        id=ONLY_AT_A,
    )
    await run(
        engine,
        "INSERT INTO plan_codes (plan_id, provider, plan_code) VALUES (:id, :name, 'A-1GB')",
        id=ONLY_AT_A,
        name=A,
    )
    return await paid_order(engine, ONLY_AT_A)


async def _pause(engine: AsyncEngine, provider: str) -> None:
    async with transaction(engine) as connection:
        await provider_controls.pause(connection, provider, "ana", "its invoices are wrong")


async def _resume(engine: AsyncEngine, provider: str) -> None:
    async with transaction(engine) as connection:
        await provider_controls.resume(connection, provider)


async def test_a_pause_holds_what_only_that_provider_sells_until_it_is_resumed(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, watch: Watch
) -> None:
    """The order waits and says why, others are bought elsewhere; after the resume it is served."""
    await sell(engine, A, priority=1)
    await sell(engine, B, priority=2)
    waits = await _only_at_a(engine)
    goes_on = await paid_order(engine)
    await _pause(engine, A)
    await driver.start(waits)
    await driver.start(goes_on)
    await driver.see_through(goes_on)
    state = await watch.step(waits, Step.WAITING)
    assert (await driver.profile(goes_on))["status"] == "ACTIVATED"
    assert asked(sandbox) == [f"{B} order"]
    assert state.failure is not None
    assert (state.failure.code, "paused" in state.failure.reason) == ("provider-held", True)
    assert await driver.intents(waits) == []
    await _resume(engine, A)
    await _all_activated(driver, [waits, goes_on], sandbox)
    assert asked(sandbox) == [f"{B} order", f"{A} order"]


async def test_a_pause_holds_the_look_ups_of_an_accepted_order_too(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, watch: Watch
) -> None:
    """Paused between acceptance and delivery: not called, nothing is lost, served afterwards."""
    await sell(engine, C)
    sandbox.rule(C, Misbehaviour.ALLOCATION_DELAY, seconds=0.3)
    [order_id] = await _orders(engine, driver, 1)
    await watch.until(
        order_id, "(SELECT state FROM provider_intents WHERE order_id = :id) = 'ACCEPTED'"
    )
    await _pause(engine, C)
    looked = len(sandbox.calls(C, "lookup"))
    for _ in range(3):
        before = (await watch.history_types(order_id)).count(
            "activity_task_completed_event_attributes"
        )
        await driver.activations.tell_of_purchase(order_id)

        async def asked_again(earlier: int = before) -> bool:
            types = await watch.history_types(order_id)
            return types.count("activity_task_completed_event_attributes") > earlier

        await until(asked_again)
    assert len(sandbox.calls(C, "lookup")) == looked
    assert (await driver.profile(order_id))["failed_rounds"] == 0
    await _resume(engine, C)
    await _all_activated(driver, [order_id], sandbox)


class TestSpendGuard:
    """Two purchases an hour for each customer."""

    @pytest.fixture
    def purchase_rules(self) -> PurchaseRules:
        """The guard."""
        return PurchaseRules(SpendLimits(purchases_per_hour_per_user=2))

    async def test_one_customer_s_flood_is_held_and_another_s_order_goes_on(
        self, engine: AsyncEngine, sandbox: Sandbox, driver: Driver, watch: Watch
    ) -> None:
        """Six at once: two charges, four wait unsent and say why; Ben is served; an hour helps."""
        await run(engine, "INSERT INTO users (email, name) VALUES ('ben@example.com', 'Ben')")
        floods = await _orders(engine, driver, 6)
        for order_id in floods:
            await watch.until(order_id, "status = 'ACTIVATED' OR failed_rounds = 1")
        served = [
            order_id
            for order_id in floods
            if (await driver.profile(order_id))["status"] == "ACTIVATED"
        ]
        assert len(served) == 2
        assert len(sandbox.calls(A)) == len(sandbox.net_charges()) == 2
        for order_id in set(floods) - set(served):
            profile = await driver.profile(order_id)
            assert profile["status"] == "PENDING_ACTIVATION"
            assert profile["failure_code"] == "provider-held"
            assert "spend guard" in profile["failure_reason"]
            assert f"purchase_held {A}" in await trail(engine, order_id)
            assert [each["sent_at"] for each in await driver.intents(order_id)] == [None]
        ben = await paid_order(engine)
        for table in ("orders", "esim_profiles"):
            column = "id" if table == "orders" else "order_id"
            await run(engine, f"UPDATE {table} SET user_id = 2 WHERE {column} = :id", id=ben)
        await driver.start(ben)
        await driver.see_through(ben)
        assert (await driver.profile(ben))["status"] == "ACTIVATED"
        await run(engine, "UPDATE provider_intents SET sent_at = sent_at - interval '1 hour'")
        held = next(order_id for order_id in floods if order_id not in served)
        await _all_activated_of(driver, held)
        assert len(sandbox.net_charges(reference=f"order-{held}")) == 1


async def _all_activated_of(driver: Driver, order_id: int) -> None:
    """A round that comes by itself finds the guard open again."""
    await driver.see_through(order_id)
    assert (await driver.profile(order_id))["status"] == "ACTIVATED"
