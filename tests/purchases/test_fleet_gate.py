"""One gate for the whole fleet: two workers keep one provider's wishes together."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.call_provider import PurchaseRules
from cli.stack.temporal import TemporalServer
from db.engine import create_engine
from domain.provider import EsimProvider
from domain.provider_limits import SpendLimits
from sandbox.sandbox import Sandbox
from settings import WorkerSettings
from tests.purchases.conftest import Driver
from tests.purchases.shops import SHOPS, Shop
from tests.rows import paid_order, run
from worker import build_workers, running

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

ALLOWANCE = SpendLimits(purchases_per_hour_per_user=30)
RETRY_AFTER_SECONDS = 6
RATE_PER_SECOND = 10


@pytest.fixture
def purchase_rules() -> PurchaseRules:
    """Thirty purchases an hour for one customer."""
    return PurchaseRules(ALLOWANCE)


@pytest.fixture
def shop() -> Shop:
    """Any one."""
    return SHOPS[0]


@pytest.fixture
async def second_worker(
    temporal_server: TemporalServer,
    database_url: str,
    providers: dict[str, EsimProvider],
    default_provider: str,
    task_queue: str,
    sandbox: Sandbox,
    shop: Shop,
    tmp_path: Path,
) -> AsyncIterator[None]:
    """Another process's worth of workers, with connections and an adapter of its own."""
    engine = create_engine(database_url)
    provider = shop.build(sandbox, tmp_path / "sandbox")
    workers = build_workers(
        await Client.connect(temporal_server.address),
        engine,
        dict.fromkeys(providers, provider),
        task_queue=task_queue,
        default_provider=default_provider,
        settings=WorkerSettings(worker_graceful_shutdown_seconds=0.1),
        purchases=PurchaseRules(ALLOWANCE),
    )
    async with running(workers):
        yield
    await provider.aclose()
    await engine.dispose()


@pytest.mark.usefixtures("second_worker")
async def test_nobody_calls_before_a_retry_after_has_passed(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, shop: Shop
) -> None:
    """The first call is told to wait; the next to arrive, from either worker, comes after it."""
    sandbox.rule(shop.provider, "rate_limited", retry_after=RETRY_AFTER_SECONDS)
    first = await paid_order(engine)
    await driver.start(first)
    await driver.failed_round(first)
    orders = [await paid_order(engine) for _ in range(20)]
    for order_id in orders:
        await driver.start(order_id)
    await driver.see_through(first, *orders)
    told, *later = sorted(call.monotonic_time for call in sandbox.calls(shop.provider))
    assert min(later) - told >= RETRY_AFTER_SECONDS
    assert len(later) == 21
    assert len(sandbox.net_charges()) == 21


async def test_calls_leave_no_faster_than_the_rate(
    engine: AsyncEngine,
    sandbox: Sandbox,
    driver: Driver,
    shop: Shop,
    providers: dict[str, EsimProvider],
) -> None:
    """Twelve calls at ten a second arrive over a second at least, one on its way disregarded."""
    slow: Any = providers[shop.provider]
    slow.limits = replace(slow.limits, rate_per_second=RATE_PER_SECOND)
    orders = [await paid_order(engine) for _ in range(12)]
    for order_id in orders:
        await driver.start(order_id)
    await driver.see_through(*orders)
    times = sorted(call.monotonic_time for call in sandbox.calls(shop.provider))
    assert len(times) == 12
    assert times[-1] - times[0] >= 10 / RATE_PER_SECOND


async def test_the_spend_guard_holds_one_customer_and_no_other(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver
) -> None:
    """Beyond the allowance nothing is sent, and the order says why; somebody else is served."""
    await run(engine, "INSERT INTO users (email, name) VALUES ('ben@example.com', 'Ben')")
    orders = [await paid_order(engine) for _ in range(30)]
    for order_id in orders:
        await driver.start(order_id)
    await driver.see_through(*orders)
    beyond = await paid_order(engine)
    await driver.start(beyond)
    await driver.failed_round(beyond)
    assert (await driver.profile(beyond))["failure_code"] == "provider-held"
    others = await paid_order(engine)
    await run(engine, "UPDATE orders SET user_id = 2 WHERE id = :id", id=others)
    await run(engine, "UPDATE esim_profiles SET user_id = 2 WHERE order_id = :id", id=others)
    await driver.start(others)
    await driver.see_through(others)
    assert (await driver.profile(others))["status"] == "ACTIVATED"
    assert len(sandbox.net_charges()) == 31
    assert sandbox.net_charges(reference=f"order-{beyond}") == []
