"""A backup is restored: what the lost time had bought or shown is found again, and bought once.

The steps are those of docs/operating.md, with the real `pg_dump` and `pg_restore`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.announcing import announce
from activities.purchase.lost import LostPurchases
from domain.profile import ProfileStatus
from domain.provider import EsimProvider
from domain.purchase import PurchaseState
from operations import activations as deeds
from operations.restore import Restored, begin_anew, put_right
from sandbox.misbehaviours import Misbehaviour
from sandbox.sandbox import Sandbox
from settings import WorkerSettings
from tests.backups import Backup
from tests.cli.profile_states import order_in
from tests.doubts import in_doubt
from tests.e2e.invariants import broken
from tests.purchases.conftest import IMPATIENT, Driver, sell
from tests.purchases.scenes import open_shop, until
from tests.purchases.shops import SHOPS, Shop
from tests.rows import paid_order, rows, run, stock_item, value
from worker import build_workers, running
from workflows.client import Activations, Started
from workflows.messages import Intervention

pytestmark = pytest.mark.usefixtures("catalogue")

A, B = "CONNECTED_YOU", "AIRALO"
LOST = Intervention("ana", "the disk was lost")
ORDERS_AT_WORK = 5
MODES = ("review", "lookup", "idempotent")
Workers = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture
def mode() -> str:
    """What A has confirmed; tests override it."""
    return "lookup"


@pytest.fixture
def shop(mode: str) -> Shop:
    """A alone sells the plan."""
    return next(each for each in SHOPS if each.name == f"{A} {mode}")


@pytest.fixture
def also() -> str:
    """Another shop that sells the plan; tests override it."""
    return ""


@pytest.fixture
async def providers(
    sandbox: Sandbox, shop: Shop, also: str, tmp_path: Path
) -> AsyncIterator[dict[str, EsimProvider]]:
    """The shop, and the other one if there is one."""
    sandbox.deduplicates[shop.provider] = shop.deduplicates
    built = [open_shop(name, sandbox, tmp_path) for name in (shop.name, also) if name]
    yield {provider.name: provider for provider in built}
    for provider in built:
        await provider.aclose()


@pytest.fixture
def workers(
    temporal_client: Client,
    engine: AsyncEngine,
    providers: dict[str, EsimProvider],
    task_queue: str,
) -> Workers:
    """A worker that can be stopped, and another one afterwards."""

    @asynccontextmanager
    async def work() -> AsyncIterator[None]:
        settings = WorkerSettings(worker_graceful_shutdown_seconds=0.1)
        built = build_workers(
            temporal_client,
            engine,
            providers,
            task_queue=task_queue,
            default_provider=A,
            settings=settings,
        )
        await announce(engine, providers)
        async with running(built):
            yield

    return work


@pytest.fixture
def backup(database_url: str, tmp_path: Path) -> Backup:
    """Not taken yet."""
    return Backup(database_url, tmp_path)


async def _item_of(engine: AsyncEngine, order_id: int) -> int:
    found: int = await value(
        engine, "SELECT inventory_item_id FROM esim_profiles WHERE order_id = :id", id=order_id
    )
    return found


async def _statuses(engine: AsyncEngine, *order_ids: int) -> list[str]:
    query = "SELECT order_id, status FROM esim_profiles WHERE order_id = ANY(:ids)"
    found = {row["order_id"]: row["status"] for row in await rows(engine, query, ids=[*order_ids])}
    return [found[order_id] for order_id in order_ids]


async def _start_and_see_through(driver: Driver, order_id: int) -> None:
    await driver.start(order_id)
    await driver.see_through(order_id)


async def _put_right(engine: AsyncEngine, activations: Activations, backup: Backup) -> Restored:
    """`esimctl restored`, once Temporal's lists have caught up."""
    async with asyncio.timeout(30):
        while len(await activations.orders_since(backup.taken_at)) < ORDERS_AT_WORK:
            await asyncio.sleep(0.1)
    return await put_right(engine, activations, backup.taken_at, LOST)


def _charges(sandbox: Sandbox, order_id: int) -> int:
    return len(sandbox.net_charges(reference=f"order-{order_id}"))


@pytest.mark.parametrize("mode", MODES)
async def test_every_order_of_a_lost_hour_ends_well_and_nothing_is_bought_twice(
    engine: AsyncEngine,
    sandbox: Sandbox,
    driver: Driver,
    activations: Activations,
    workers: Workers,
    backup: Backup,
    mode: str,
) -> None:
    """Served from stock, bought, cut off, cancelled, placed too late, untouched: each is known.

    Long, because it is one story: what each order was before the disk was lost, and after it.
    """
    await sell(engine, A)
    shown, lost = await stock_item(engine, 1), await stock_item(engine, 2)
    stocked, bought, cut_off, dropped, untouched = [await paid_order(engine) for _ in range(5)]
    await backup.take()
    async with workers():
        await _start_and_see_through(driver, stocked)
        missing = await paid_order(engine)
        await _start_and_see_through(driver, missing)
        await _start_and_see_through(driver, bought)
        for each in (Misbehaviour.RESET_AFTER_BOOKING, Misbehaviour.LOOKUP_ERROR):
            sandbox.rule(A, each, reference=f"order-{cut_off}", times=None)
        await driver.start(cut_off)
        await activations.cancel(dropped, IMPATIENT)
        await driver._until(cut_off, "failed_rounds > 0")  # noqa: SLF001
        await driver._until(dropped, "status = 'CANCELLED'")  # noqa: SLF001
    iccid = (await driver.profile(bought))["iccid"]
    assert await _item_of(engine, stocked) == shown
    assert await _item_of(engine, missing) == lost

    sandbox.clear_rules()
    await backup.restore()
    found = await _put_right(engine, activations, backup)
    assert found.cancelled == [dropped]
    assert found.missing == {missing: lost}
    assert {*found.begun_anew, *found.noted} == {stocked, bought, cut_off}
    async with workers():
        await driver.start(untouched)
        await driver.see_through(stocked, bought, cut_off, untouched)
        in_doubt = ["NEEDS_REVIEW"] * 2 if mode == "review" else ["ACTIVATED"] * 2
        assert await _statuses(engine, bought, cut_off) == in_doubt
        assert await _statuses(engine, stocked, dropped, untouched) == [
            "ACTIVATED",
            "CANCELLED",
            "ACTIVATED",
        ]
    assert await _item_of(engine, stocked) == shown
    assert await _item_of(engine, untouched) not in {shown, lost}
    if mode != "review":
        assert (await driver.profile(bought))["iccid"] == iccid
    assert [_charges(sandbox, each) for each in (bought, cut_off, untouched)] == [1, 1, 1]
    assert _charges(sandbox, stocked) == 0
    assert await broken(engine) == []
    assert await paid_order(engine) > missing + 1000, "ids of lost orders must not come back"


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
async def test_a_customer_who_asks_again_starts_what_the_restore_has_undone(
    engine: AsyncEngine,
    sandbox: Sandbox,
    driver: Driver,
    activations: Activations,
    workers: Workers,
    backup: Backup,
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
) -> None:
    """Even if nobody took stock; without the guard the order would be charged a second time."""
    await sell(engine, A)
    order_id = await paid_order(engine)
    await backup.take()
    async with workers():
        await _start_and_see_through(driver, order_id)
    await backup.restore()
    if not guarded:
        monkeypatch.setattr(LostPurchases, "seller_to_ask", _nobody)
    async with workers():
        assert await activations.start(order_id) is Started.ENDED
        assert await begin_anew(engine, activations, order_id) is Started.RUNNING
        await driver.see_through(order_id)
    assert await _statuses(engine, order_id) == ["ACTIVATED"]
    assert _charges(sandbox, order_id) == (1 if guarded else 2)


async def _nobody(*_: object) -> None:
    """What is left of the guard."""


@pytest.mark.parametrize("mode", ["lookup", "idempotent"])
@pytest.mark.parametrize("also", [f"{B} lookup"])
async def test_the_one_that_sold_is_found_whoever_comes_first_on_the_route(
    engine: AsyncEngine,
    sandbox: Sandbox,
    driver: Driver,
    activations: Activations,
    workers: Workers,
    backup: Backup,
) -> None:
    """A had sold out, so B sold. Now A has some again, and must not sell: B is asked before."""
    await sell(engine, A, priority=1)
    await sell(engine, B, priority=2)
    order_id = await paid_order(engine)
    await backup.take()
    sandbox.rule(A, Misbehaviour.OUT_OF_STOCK, times=None)
    async with workers():
        await _start_and_see_through(driver, order_id)
    iccid = (await driver.profile(order_id))["iccid"]
    sandbox.clear_rules()
    await backup.restore()
    async with workers():
        assert await begin_anew(engine, activations, order_id) is Started.RUNNING
        await driver.see_through(order_id)
    profile = await driver.profile(order_id)
    assert (profile["status"], profile["iccid"]) == ("ACTIVATED", iccid)
    assert [each.provider for each in sandbox.net_charges(reference=f"order-{order_id}")] == [B]
    assert await broken(engine) == []


async def test_ops_retry_starts_it_too_and_a_finished_order_is_left_alone(
    engine: AsyncEngine,
    sandbox: Sandbox,
    driver: Driver,
    activations: Activations,
    workers: Workers,
    backup: Backup,
) -> None:
    """`esimctl retry` answers as ever; nothing begins anew where row and run agree."""
    await sell(engine, A)
    order_id = await paid_order(engine)
    await backup.take()
    async with workers():
        await _start_and_see_through(driver, order_id)
        assert await begin_anew(engine, activations, order_id) is Started.ENDED
        await backup.restore()
        await deeds.retry(engine, activations, order_id, IMPATIENT)
        await driver.see_through(order_id)
    assert await _statuses(engine, order_id) == ["ACTIVATED"]
    assert _charges(sandbox, order_id) == 1


async def test_rows_that_are_ahead_of_temporal_go_on(
    engine: AsyncEngine,
    sandbox: Sandbox,
    driver: Driver,
    activations: Activations,
    workers: Workers,
) -> None:
    """Temporal was restored and knows nothing: what was begun is begun again, and asked for first.

    One was cut off after the sale; one is served and its purchase was still to be settled.
    """
    await sell(engine, A)
    cut_off = await order_in(engine, ProfileStatus.PENDING_ACTIVATION)
    served = await order_in(engine, ProfileStatus.ACTIVATED)
    for order_id in (cut_off, served):
        await in_doubt(engine, order_id, state=PurchaseState.SENT)
    found = await put_right(engine, activations, datetime.now(UTC), LOST)
    assert (found.begun_anew, found.settling) == ([cut_off], [served])
    async with workers():
        await driver.see_through(cut_off)
        assert await _statuses(engine, cut_off) == ["ACTIVATED"]
        async with asyncio.timeout(60):
            while [each["state"] for each in await driver.intents(served)] == ["SENT"]:
                await activations.tell_of_purchase(served)
                await asyncio.sleep(0.2)
    assert await _statuses(engine, served) == ["ACTIVATED"]
    assert [_charges(sandbox, each) for each in (cut_off, served)] == [1, 0]


async def test_stock_that_came_while_the_order_waited_is_held_for_it_again(
    engine: AsyncEngine,
    sandbox: Sandbox,
    driver: Driver,
    activations: Activations,
    workers: Workers,
    backup: Backup,
) -> None:
    """It is younger than the run, and its customer has seen it: nobody else may get it."""
    await sell(engine, A)
    order_id = await paid_order(engine)
    sandbox.rule(A, Misbehaviour.OUT_OF_STOCK, times=None)
    async with workers():
        await driver.start(order_id)
        await driver._until(order_id, "failed_rounds > 0")  # noqa: SLF001
        other = await stock_item(engine, 1, plan_id=None)
        shown = await stock_item(engine, 2)
        await backup.take()
        await activations.nudge(order_id, IMPATIENT)
        await driver.see_through(order_id)
    assert await _item_of(engine, order_id) == shown != other
    await backup.restore()
    await run(engine, "UPDATE esim_inventory SET plan_id = NULL")  # the other comes first by now
    await begin_anew(engine, activations, order_id)
    async with workers():
        await driver.see_through(order_id)
    assert await _item_of(engine, order_id) == shown


async def test_an_item_that_was_shown_reaches_nobody_else_if_its_order_holds_another(
    engine: AsyncEngine,
    driver: Driver,
    activations: Activations,
    workers: Workers,
    backup: Backup,
) -> None:
    """The backup was taken while the order held one that it let go of afterwards."""
    order_id = await paid_order(engine)
    shown = await stock_item(engine, 1)
    await backup.take()
    async with workers():
        await _start_and_see_through(driver, order_id)
    assert await _item_of(engine, order_id) == shown
    await backup.restore()
    held = await stock_item(engine, 2)
    await run(
        engine,
        "UPDATE esim_inventory SET status = 'RESERVED', order_id = :order_id, reserved_at = now()"
        " WHERE id = :item_id",
        order_id=order_id,
        item_id=held,
    )
    await begin_anew(engine, activations, order_id)
    status = "SELECT status FROM esim_inventory WHERE id = :id"
    assert await value(engine, status, id=shown) == "RETIRED"


@pytest.mark.parametrize("also", [f"{B} lookup"])
@pytest.mark.parametrize("seller", [A, B])
async def test_a_seller_that_a_person_chose_off_the_route_is_asked_too(
    engine: AsyncEngine,
    sandbox: Sandbox,
    driver: Driver,
    activations: Activations,
    workers: Workers,
    backup: Backup,
    seller: str,
) -> None:
    """B has no plan code, and sells by the plan's `external_id`: whoever has sold is alone paid."""
    await sell(engine, A)
    order_id = await paid_order(engine)
    await backup.take()
    if seller == B:
        sandbox.rule(A, Misbehaviour.OUT_OF_STOCK, times=None)
    async with workers():
        await driver.start(order_id)
        if seller == B:
            await until(lambda: _has_failed(driver, order_id))
            await deeds.retry(engine, activations, order_id, Intervention("ana", "elsewhere", B))
        await driver.see_through(order_id)
    sandbox.clear_rules()
    await backup.restore()
    async with workers():
        await begin_anew(engine, activations, order_id)
        await driver.see_through(order_id)
    assert [each.provider for each in sandbox.net_charges(reference=f"order-{order_id}")] == [
        seller
    ]


async def _has_failed(driver: Driver, order_id: int) -> bool:
    return bool((await driver.profile(order_id))["failed_rounds"])
