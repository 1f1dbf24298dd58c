"""One guard taken away at a time: the sandbox's ledger then shows what the guard prevents.

Each scene is played with its guard and without it, so that neither the scene nor the ledger can be
blind: tests of purchases that pass are known to be able to fail.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.pause_points import PausePoint, PausePoints
from activities.purchase import buy
from activities.purchase.buy import ProviderActivities, PurchaseOrder, PurchaseRules
from activities.purchase.prepare import Begun
from activities.purchase.question import Outcome, Question, reply_to
from activities.purchase.settle import Settlement
from db import gates, purchases
from db.locks import HeldLock, PurchaseLock
from domain.errors import (
    EsimError,
    NeedsReview,
    OrderNotPaid,
    ProviderHeld,
    ProviderUnavailable,
    PurchaseUnderWay,
    StaleWrite,
    StorageFault,
    StorageUnavailable,
)
from domain.gate import Gate, ProviderLimits
from domain.provider import EsimProvider
from domain.purchase import Asked
from sandbox.misbehaviours import Misbehaviour
from sandbox.sandbox import Sandbox
from tests.holds import Hold
from tests.purchases.scenes import open_shop, until
from tests.rows import paid_order, run, value

pytestmark = pytest.mark.usefixtures("catalogue")

A = "CONNECTED_YOU"
GUARDED = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])


@pytest.fixture
async def provider(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[EsimProvider]:
    """One that is looked up: the mode with most ways to buy again by mistake."""
    provider = open_shop(f"{A} lookup", sandbox, tmp_path)
    yield provider
    await provider.aclose()


class Buyer:
    """A worker's provider calls, without Temporal around them."""

    def __init__(
        self, engine: AsyncEngine, provider: EsimProvider, pause: PausePoints | None = None
    ) -> None:
        providers = {provider.name: provider}
        self._calls = ProviderActivities(engine, pause or PausePoints(), providers, PurchaseRules())

    async def buy(self, order_id: int) -> int | None:
        """One attempt; raises what the activity raises."""
        order = PurchaseOrder(order_id, A)
        return await ActivityEnvironment().run(self._calls.call_provider, order)

    async def attempt(self, order_id: int) -> type[EsimError] | None:
        """The same; the error's class, or None if it bought."""
        try:
            await self.buy(order_id)
        except EsimError as error:
            return type(error)
        return None

    async def persist(self, order_id: int, *stop_at: type[EsimError]) -> type[EsimError] | None:
        """Attempts until it has bought or meets one of these; the last attempt's answer."""
        last: list[type[EsimError] | None] = []

        async def is_over() -> bool:
            last[:] = [await self.attempt(order_id)]
            return last[0] is None or last[0] in stop_at

        await until(is_over)
        return last[0]


@pytest.fixture
def buyer(engine: AsyncEngine, provider: EsimProvider) -> Buyer:
    """One worker."""
    return Buyer(engine, provider)


@pytest.fixture
def frozen(engine: AsyncEngine, provider: EsimProvider, pause_points_dir: Path) -> Buyer:
    """Another worker, which can be held."""
    return Buyer(engine, provider, PausePoints(pause_points_dir))


async def _nothing(*_: object) -> None:
    """What is left of a guard."""


@GUARDED
async def test_the_lock_keeps_a_frozen_worker_and_its_successor_apart(
    engine: AsyncEngine,
    sandbox: Sandbox,
    buyer: Buyer,
    frozen: Buyer,
    pause_points_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
) -> None:
    """Without it the successor asks, finds nothing, buys; then the frozen one sends what it had."""
    if not guarded:

        @asynccontextmanager
        async def hold(_self: PurchaseLock, _order_id: int) -> AsyncIterator[Any]:
            yield type("NoLock", (), {"check": _nothing})()

        monkeypatch.setattr(PurchaseLock, "hold", hold)
    order_id = await paid_order(engine)
    held = Hold(pause_points_dir, PausePoint.BEFORE_SEND, order_id)
    sleeper = asyncio.create_task(frozen.attempt(order_id))
    await held.reached()
    answer = await buyer.persist(order_id, PurchaseUnderWay)
    held.release()
    woken = await sleeper
    if guarded:
        assert (answer, woken) == (PurchaseUnderWay, None)
        assert len(sandbox.charges()) == 1
    else:
        assert (answer, woken) == (None, StaleWrite)
        assert len(sandbox.charges()) == 2


@GUARDED
async def test_a_lock_that_was_lost_is_noticed_before_the_send(
    engine: AsyncEngine,
    sandbox: Sandbox,
    buyer: Buyer,
    frozen: Buyer,
    pause_points_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
) -> None:
    """The frozen one's connection is cut and its successor has bought: it must not send as well."""
    if not guarded:
        monkeypatch.setattr(HeldLock, "check", _nothing)
    order_id = await paid_order(engine)
    held = Hold(pause_points_dir, PausePoint.BEFORE_SEND, order_id)
    sleeper = asyncio.create_task(frozen.attempt(order_id))
    await held.reached()
    await run(
        engine,
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    assert await buyer.persist(order_id) is None
    held.release()
    assert await sleeper is (StorageUnavailable if guarded else StaleWrite)
    assert len(sandbox.charges()) == (1 if guarded else 2)


@GUARDED
async def test_a_lost_answer_is_looked_up_before_anything_is_sent_again(
    engine: AsyncEngine,
    sandbox: Sandbox,
    buyer: Buyer,
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
) -> None:
    """Who sends again instead of asking is charged again."""
    if not guarded:

        async def look_up(
            self: Settlement, begun: Begun, provider: EsimProvider, *, overdue: bool
        ) -> Outcome:
            reply = await reply_to(provider.provision(begun.request))
            question = Question(begun.purchase, Asked.LOOKED_UP, overdue=overdue)
            return await self._record.conclude(question, provider, reply)

        monkeypatch.setattr(Settlement, "look_up", look_up)
    sandbox.rule(A, Misbehaviour.RESET_AFTER_BOOKING)
    order_id = await paid_order(engine)
    assert await buyer.persist(order_id) is None
    assert len(sandbox.charges()) == (1 if guarded else 2)


@GUARDED
async def test_an_absence_is_not_believed_while_the_look_up_may_lag(
    engine: AsyncEngine,
    sandbox: Sandbox,
    provider: EsimProvider,
    buyer: Buyer,
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
) -> None:
    """The purchase is shown half a second late: who believes the first "absent" buys again."""
    lagging: Any = provider
    lagging.traits = replace(provider.traits, settle_gap_seconds=30)
    if not guarded:

        async def note_absent(*_: object, **__: object) -> bool:
            return True

        monkeypatch.setattr(purchases, "note_absent", note_absent)
    sandbox.rule(A, Misbehaviour.RESET_AFTER_BOOKING)
    sandbox.rule(A, Misbehaviour.LAGGING_LOOKUP, seconds=0.5)
    order_id = await paid_order(engine)
    assert await buyer.persist(order_id) is None
    assert len(sandbox.charges()) == (1 if guarded else 2)


@GUARDED
async def test_paid_is_checked_once_more_in_the_transaction_that_sends(
    engine: AsyncEngine,
    sandbox: Sandbox,
    provider: EsimProvider,
    buyer: Buyer,
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
) -> None:
    """Refunded while the purchase waits for its turn: nothing may leave for it."""
    slow: Any = provider
    slow.traits = replace(provider.traits, limits=ProviderLimits(rate_per_second=1))
    if not guarded:
        monkeypatch.setattr(buy, "check_wanted", lambda _profile: None)
    await buyer.buy(await paid_order(engine))  # takes the turn of this second
    order_id = await paid_order(engine)
    waiting = asyncio.create_task(buyer.attempt(order_id))
    written = "SELECT count(*) FROM provider_intents WHERE order_id = :id"
    await until(lambda: value(engine, written, id=order_id))
    await run(engine, "UPDATE orders SET status = 'REFUNDED' WHERE id = :id", id=order_id)
    assert await waiting is (OrderNotPaid if guarded else None)
    assert len(sandbox.charges(reference=f"order-{order_id}")) == (0 if guarded else 1)


@GUARDED
async def test_a_retry_after_is_kept_by_the_gate(
    engine: AsyncEngine,
    sandbox: Sandbox,
    buyer: Buyer,
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
) -> None:
    """The named claim of test_gate: without the gate's memory the next order calls at once."""
    if not guarded:

        def unheeded(gate: Gate, *_: object) -> Gate:
            return gate

        monkeypatch.setattr(gates, "after_failure", unheeded)
    sandbox.rule(A, Misbehaviour.RATE_LIMITED, retry_after=60)
    assert await buyer.attempt(await paid_order(engine)) is ProviderUnavailable
    assert await buyer.attempt(await paid_order(engine)) is (ProviderHeld if guarded else None)
    assert len(sandbox.calls(A)) == (1 if guarded else 2)


async def _lose_hold(engine: AsyncEngine, order_id: int) -> None:
    """As a release of the profile leaves it, with its activation still open."""
    await run(
        engine,
        "UPDATE esim_profiles SET status = 'PENDING_ACTIVATION', inventory_item_id = NULL"
        " WHERE order_id = :id",
        id=order_id,
    )
    await run(engine, "UPDATE esim_inventory SET status = 'RETIRED', retired_at = now()")


@GUARDED
async def test_an_order_that_was_bought_for_is_never_bought_for_again(
    engine: AsyncEngine,
    sandbox: Sandbox,
    buyer: Buyer,
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
) -> None:
    """Its profile is out of use: a person's matter.

    Without the guard it is charged a second time; Postgres then refuses to write that down, and the
    reply goes into quarantine, which saves the books and not the money.
    """
    order_id = await paid_order(engine)
    await buyer.buy(order_id)
    await _lose_hold(engine, order_id)
    if not guarded:
        monkeypatch.setattr(purchases, "bought_for", _nothing)
    assert await buyer.attempt(order_id) is NeedsReview
    assert len(sandbox.charges()) == (1 if guarded else 2)
    assert await value(engine, "SELECT count(*) FROM quarantined_replies") == (0 if guarded else 1)
    confirmed = "SELECT count(*) FROM provider_intents WHERE state = 'CONFIRMED'"
    assert await value(engine, confirmed) == 1


@GUARDED
async def test_an_open_purchase_is_found_before_another_is_begun(
    engine: AsyncEngine,
    sandbox: Sandbox,
    buyer: Buyer,
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
) -> None:
    """Even a reader that is blind to it cannot buy again: the index on open purchases refuses."""
    sandbox.rule(A, Misbehaviour.RESET_AFTER_BOOKING)
    order_id = await paid_order(engine)
    await buyer.attempt(order_id)
    if not guarded:

        async def open_for(_connection: AsyncConnection, _order_id: int) -> None:
            return None

        monkeypatch.setattr(purchases, "open_for", open_for)
    assert await buyer.attempt(order_id) is (None if guarded else StorageFault)
    assert len(sandbox.charges()) == 1
    assert len(sandbox.calls(A, "order")) == 1
