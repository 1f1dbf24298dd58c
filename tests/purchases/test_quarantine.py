"""Replies that nobody may be given: kept as they came, in one place, for a person."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from db.tables import metadata
from sandbox.misbehaviours import Misbehaviour
from sandbox.sandbox import Sandbox
from tests.e2e.invariants import broken
from tests.purchases.conftest import Driver
from tests.purchases.scenes import until
from tests.purchases.shops import SHOPS, Shop
from tests.rows import paid_order, rows
from workflows import messages
from workflows.client import Activations
from workflows.messages import Intervention

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

M = Misbehaviour
UNUSABLE = (
    M.MALFORMED_REPLY,
    M.TRUNCATED_REPLY,
    M.EMPTY_REPLY,
    M.DUPLICATE_ICCID,
    M.OTHER_REPLY,
    M.WRONG_PLAN,
    M.WRONG_REFERENCE,
    M.WRONG_QUANTITY,
    M.BAD_ICCID,
    M.BAD_CODE,
)
TELLS_THE_CODE = frozenset({M.WRONG_PLAN, M.WRONG_REFERENCE, M.WRONG_QUANTITY, M.BAD_ICCID})
"""Everything else in the reply is right: the code that was paid for is in it."""


def _shop(name: str) -> Shop:
    return next(each for each in SHOPS if each.name == name)


@pytest.fixture(params=["CONNECTED_YOU review", "AIRALO review"])
def shop(request: pytest.FixtureRequest) -> Shop:
    """Where a reply that cannot be used leaves nothing but a person; tests override it."""
    return _shop(request.param)


async def _quarantined(engine: AsyncEngine, order_id: int) -> list[dict[str, Any]]:
    found = await rows(
        engine,
        "SELECT * FROM quarantined_replies WHERE order_id = :id ORDER BY id",
        id=order_id,
    )
    return [dict(each) for each in found]


async def _everything_else(engine: AsyncEngine, orders: list[int]) -> str:
    """Every row of every table that speaks of these orders; of quarantine, all but the reply."""
    texts = []
    for table in metadata.sorted_tables:
        if "order_id" not in table.c:
            continue
        found = await rows(
            engine,
            f"SELECT (to_jsonb(t) - 'raw')::text AS row FROM {table.name} t"
            " WHERE order_id = ANY(:orders)",
            orders=orders,
        )
        texts += [each["row"] for each in found]
    return "\n".join(texts)


async def _histories(client: Client, orders: list[int]) -> str:
    """Every event with its payloads as they are, not in base64."""
    parts: list[bytes] = []
    for order_id in orders:
        handle = client.get_workflow_handle(messages.workflow_id(order_id))
        parts += [event.SerializeToString() for event in (await handle.fetch_history()).events]
    return b"".join(parts).decode("latin-1")


def _code(sandbox: Sandbox, provider: str, order_id: int) -> str:
    """What was sold for the order, by the provider's own books."""
    [order] = sandbox.ledger.orders(provider, f"order-{order_id}")
    return order.profiles[0].matching_id


async def _lied_to(
    engine: AsyncEngine, sandbox: Sandbox, shop: Shop, driver: Driver
) -> dict[int, Misbehaviour]:
    """An order for each reply that cannot be used, seen through."""
    cases: dict[int, Misbehaviour] = {}
    for misbehaviour in UNUSABLE:
        order_id = await paid_order(engine)
        reference = f"order-{order_id}"
        sandbox.rule(shop.provider, misbehaviour, operation=shop.purchase, reference=reference)
        cases[order_id] = misbehaviour
        await driver.start(order_id)
    await driver.see_through(*cases)
    return cases


async def test_what_cannot_be_used_is_kept_as_it_came_and_nowhere_else(
    engine: AsyncEngine,
    sandbox: Sandbox,
    shop: Shop,
    driver: Driver,
    temporal_client: Client,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """One row a reply; the customer, the trail, the logs and the histories get nothing of it."""
    honest = await paid_order(engine)  # what a lie can be about
    await driver.start(honest)
    await driver.see_through(honest)
    cases = await _lied_to(engine, sandbox, shop, driver)
    for order_id, misbehaviour in cases.items():
        profile = await driver.profile(order_id)
        withheld = (profile["status"], profile["activation_code"]) == ("NEEDS_REVIEW", None)
        assert withheld, misbehaviour
        [kept] = await _quarantined(engine, order_id)
        [intent] = await driver.intents(order_id)
        assert (kept["provider"], kept["intent_id"]) == (shop.provider, intent["id"])
        told = misbehaviour in TELLS_THE_CODE
        assert kept["raw"]
        assert not told or _code(sandbox, shop.provider, order_id) in kept["raw"], misbehaviour
    printed = "".join(capfd.readouterr())
    assert "provider_call_failed" in printed
    tables = await _everything_else(engine, list(cases))
    histories = await _histories(temporal_client, list(cases))
    for order_id in cases:
        assert f"order-{order_id}" in tables
        assert f'"order_id":{order_id}' in histories
    for code in sandbox.codes(shop.provider):
        assert code not in tables + histories + printed
    assert len(sandbox.net_charges()) == len(cases) + 1
    assert await broken(engine) == []


class TestLookup:
    """A shop that can be asked for what it sold."""

    @pytest.fixture(params=["CONNECTED_YOU lookup", "AIRALO lookup"])
    def shop(self, request: pytest.FixtureRequest) -> Shop:
        """Both that answer a purchase with the code."""
        return _shop(request.param)

    @pytest.mark.parametrize("misbehaviour", [M.TRUNCATED_REPLY, M.MALFORMED_REPLY])
    async def test_a_reply_that_was_cut_off_is_settled_by_the_look_up_and_kept(
        self,
        engine: AsyncEngine,
        sandbox: Sandbox,
        shop: Shop,
        driver: Driver,
        misbehaviour: Misbehaviour,
    ) -> None:
        """The customer has the eSIM, charged once; what came first stays for whoever asks why."""
        sandbox.rule(shop.provider, misbehaviour, operation=shop.purchase)
        order_id = await paid_order(engine)
        await driver.start(order_id)
        await driver.see_through(order_id)
        profile = await driver.profile(order_id)
        assert profile["status"] == "ACTIVATED"
        assert _code(sandbox, shop.provider, order_id) in profile["activation_code"]
        assert len(sandbox.net_charges()) == 1
        assert len(await _quarantined(engine, order_id)) == 1

    async def test_each_reply_of_a_provider_that_keeps_lying_is_kept(
        self,
        engine: AsyncEngine,
        sandbox: Sandbox,
        shop: Shop,
        driver: Driver,
        activations: Activations,
    ) -> None:
        """A look-up that cannot be used is a reply of its own: a retry adds one, buys nothing."""
        sandbox.rule(shop.provider, M.RESET_AFTER_BOOKING, operation=shop.purchase)
        sandbox.rule(shop.provider, M.BAD_CODE, operation=shop.lookup, times=None)
        order_id = await paid_order(engine)
        await driver.start(order_id)
        await driver.see_through(order_id)
        assert len(await _quarantined(engine, order_id)) == 1
        await until(lambda: _waits(activations, order_id))
        await activations.retry(order_id, Intervention("ana", "ask again"))
        await driver.parked_again(order_id, after_rounds=1)
        first, second = await _quarantined(engine, order_id)
        assert (await driver.profile(order_id))["activation_code"] is None
        assert first["intent_id"] == second["intent_id"]
        assert len(sandbox.charges()) == 1


async def _waits(activations: Activations, order_id: int) -> bool:
    state = await activations.state(order_id)
    return state is not None and state.step is messages.Step.PARKED


class TestCollected:
    """A shop that tells the code by look-up alone."""

    @pytest.fixture
    def shop(self) -> Shop:
        """An accepted order is collected."""
        return _shop("ESIM_ACCESS lookup")

    async def test_a_lie_about_an_accepted_order_is_kept_and_the_truth_is_believed_later(
        self, engine: AsyncEngine, sandbox: Sandbox, shop: Shop, driver: Driver
    ) -> None:
        """A person is asked; when the provider speaks again, the right answer serves the order."""
        sandbox.rule(shop.provider, M.BAD_ICCID, operation=shop.lookup, times=None)
        order_id = await paid_order(engine)
        await driver.start(order_id)
        await driver.see_through(order_id)
        assert (await driver.profile(order_id))["status"] == "NEEDS_REVIEW"
        assert await _quarantined(engine, order_id)
        await until(lambda: _waits(driver.activations, order_id))
        kept = await _quarantined(engine, order_id)
        code = _code(sandbox, shop.provider, order_id)
        assert all(code in each["raw"] for each in kept)
        sandbox.clear_rules()
        await driver.activations.tell_of_purchase(order_id)
        await driver.served(order_id)
        assert len(await _quarantined(engine, order_id)) == len(kept)
        assert len(sandbox.charges()) == 1
        assert await broken(engine) == []


class TestAskedInVain:
    """A shop whose look-up is no help."""

    @pytest.fixture
    def shop(self) -> Shop:
        """What is in doubt is looked up."""
        return _shop("AIRALO lookup")

    @pytest.mark.parametrize(
        ("code", "status"), [(403, "PENDING_ACTIVATION"), (404, "NEEDS_REVIEW")]
    )
    async def test_what_was_sold_and_is_unusable_heads_the_review(
        self,
        engine: AsyncEngine,
        sandbox: Sandbox,
        shop: Shop,
        driver: Driver,
        code: int,
        status: str,
    ) -> None:
        """Not "it refuses this request", which reads as if nothing had been sold."""
        sandbox.rule(shop.provider, M.EMPTY_REPLY, operation=shop.purchase)
        sandbox.rule(shop.provider, M.STATUS, operation=shop.lookup, times=None, code=code)
        order_id = await paid_order(engine)
        await driver.start(order_id)
        await until(lambda: _has_failed(driver, order_id))
        assert (await driver.profile(order_id))["status"] == status
        [intent] = await driver.intents(order_id)
        assert (intent["state"], intent["error_code"]) == ("UNKNOWN", "provider-reply-unusable")
        assert "took the order" in intent["error"]
        assert len(sandbox.charges()) == 1


async def _has_failed(driver: Driver, order_id: int) -> bool:
    return bool((await driver.profile(order_id))["failure_code"])
