"""Every misbehaviour, in every mode, at every adapter that has it.

One charge and an eSIM; or no charge; or one purchase that a person looks at.

The sandbox's ledger is the witness. It shares no code with what it judges.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowRunner

from domain.provider import EsimProvider
from domain.purchase import Ambiguity
from sandbox.misbehaviours import MEANINGS, Misbehaviour, Part
from sandbox.sandbox import Sandbox
from tests.e2e.invariants import broken
from tests.purchases.conftest import Driver
from tests.purchases.shops import SHOPS, TIMEOUT_SECONDS, Shop
from tests.rows import paid_order, rows

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("catalogue", "worker")]

_STATUSES = (400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504)
# What is certain is settled before a mode matters: it is tried in a provider's first shop alone.
_CERTAIN_STATUSES = frozenset({400, 401, 403, 404, 422, 429, 503})
_SOLD = frozenset({"ACTIVATED"})
_REFUSED = frozenset({"PROVISIONING_FAILED", "EXHAUSTED"})
_REVIEW = frozenset({"NEEDS_REVIEW"})
_M = Misbehaviour

_NOT_BOOKED_FOR_CERTAIN = {
    _M.OUT_OF_STOCK: _REFUSED,
    _M.UNKNOWN_PLAN: _REFUSED,
    _M.NO_CREDIT: _REFUSED,
    # The provider's trouble, and mended by then; ES2+ says it as any other refusal.
    _M.BAD_CREDENTIALS: _SOLD | _REFUSED,
    _M.RATE_LIMITED: _SOLD,
    _M.LATENCY: _SOLD,
    _M.ALLOCATION_DELAY: _SOLD,
}
_CERTAIN = frozenset(_NOT_BOOKED_FOR_CERTAIN) - {_M.ALLOCATION_DELAY}
_LIES = frozenset(
    {
        _M.DUPLICATE_ICCID,
        _M.OTHER_REPLY,
        _M.WRONG_PLAN,
        _M.WRONG_REFERENCE,
        _M.WRONG_QUANTITY,
        _M.BAD_ICCID,
        _M.BAD_CODE,
    }
)


@dataclass(frozen=True)
class Cell:
    """One order that meets one misbehaviour.

    Attributes:
        lasting: the provider keeps it up; otherwise it happens once.
        also: what happens with it (a look-up that lags matters only after a lost answer).
    """

    misbehaviour: Misbehaviour
    operation: str
    options: dict[str, Any] = field(default_factory=dict)
    lasting: bool = False
    also: Misbehaviour | None = None

    def __str__(self) -> str:
        options = "".join(f" {value}" for value in self.options.values())
        lasting = ", lasting" if self.lasting else ""
        return f"{self.operation}: {self.misbehaviour}{options}{lasting}"


def cells_of(shop: Shop, sandbox: Sandbox) -> Iterator[Cell]:
    """Everything that can go wrong in this shop, and is not tried in another one as well."""
    return (cell for cell in _all_cells_of(shop, sandbox) if not _is_tried_elsewhere(shop, cell))


def _is_tried_elsewhere(shop: Shop, cell: Cell) -> bool:
    """Another shop of the same provider makes the same call, and no mode matters to the answer."""
    if cell.operation == shop.purchase:
        certain = cell.misbehaviour in _CERTAIN or cell.options.get("code") in _CERTAIN_STATUSES
        return certain and _is_sold_by(SHOPS[: SHOPS.index(shop)], shop)
    return shop.ambiguity is not Ambiguity.LOOKUP and any(
        each.lookup == shop.lookup and each.ambiguity is Ambiguity.LOOKUP for each in SHOPS
    )


def _is_sold_by(shops: Iterable[Shop], shop: Shop) -> bool:
    """One of them buys by the same call as this shop."""
    return any((each.provider, each.purchase) == (shop.provider, shop.purchase) for each in shops)


def _all_cells_of(shop: Shop, sandbox: Sandbox) -> Iterator[Cell]:
    traits = sandbox.contract(shop.provider).operations
    operations = [shop.purchase, shop.lookup] if shop.looks_up else [shop.purchase]
    for operation in operations:
        for each in Misbehaviour:
            meaning = MEANINGS[each]
            if not meaning.applies_to & traits[operation] or meaning.part is Part.WEBHOOK:
                continue
            if each is _M.ALLOCATION_FAILED:
                continue  # nothing says so but the clock or a webhook: they have their own tests
            if (
                shop.provider == "AIRALO"
                and each is _M.BAD_CREDENTIALS
                and operation == shop.lookup
            ):
                continue  # a token is fetched for each, and Airalo gives three a minute
            yield from _variants(each, operation, shop)


def _variants(each: Misbehaviour, operation: str, shop: Shop) -> Iterator[Cell]:
    if each is _M.STATUS:
        for code in _STATUSES:
            if shop.provider == "AIRALO" and code == 401:
                continue  # as bad_credentials
            yield Cell(each, operation, {"code": code})
    elif each is _M.LATENCY:
        yield Cell(each, operation, {"seconds": 0.2})
    elif each is _M.RATE_LIMITED:
        yield Cell(each, operation, {"retry_after": 1})
    elif each is _M.LAGGING_LOOKUP:
        lost = _M.TIMEOUT_AFTER_BOOKING
        yield Cell(each, operation, {"seconds": TIMEOUT_SECONDS + 0.3}, also=lost)
    else:
        yield Cell(each, operation)
        told_again = operation == shop.lookup or shop.ambiguity is Ambiguity.IDEMPOTENT
        # As if an accepted order were never delivered: that has a test of its own.
        not_shown = {_M.OTHER_REPLY, _M.WRONG_REFERENCE}
        waits_for_its_day = shop.delivers_later and each in not_shown
        # There the matching id is ours: an answer that was lost needs no other to be known.
        told_by_us = shop.provider == "ES2PLUS" and each is _M.BAD_CODE
        if each in _LIES and told_again and not (waits_for_its_day or told_by_us):
            yield Cell(each, operation, lasting=True)


async def _order(engine: AsyncEngine, sandbox: Sandbox, shop: Shop, cell: Cell) -> int:
    order_id = await paid_order(engine)
    times = None if cell.lasting else 1
    for each, options in ((cell.misbehaviour, cell.options), (cell.also, {})):
        if each is not None:
            sandbox.rule(
                shop.provider,
                each,
                operation=cell.operation,
                reference=f"order-{order_id}",
                times=times,
                **options,
            )
    if cell.operation == shop.lookup and not shop.delivers_later:
        # Nobody looks up what was answered: the answer must be lost first.
        sandbox.rule(
            shop.provider,
            _M.RESET_AFTER_BOOKING,
            operation=shop.purchase,
            reference=f"order-{order_id}",
        )
    return order_id


async def _verdict(  # noqa: PLR0911 - one for each way to be wrong
    driver: Driver, sandbox: Sandbox, shop: Shop, cell: Cell, order_id: int
) -> str | None:
    """What is wrong with how the order ended, if anything is."""
    status = (await driver.profile(order_id))["status"]
    charges = len(sandbox.net_charges(shop.provider, f"order-{order_id}"))
    states = [intent["state"] for intent in await driver.intents(order_id)]
    unsettled = [state for state in states if state in {"INTENDED", "SENT", "ACCEPTED", "UNKNOWN"}]
    story = f"{cell}: {status}, {charges} charges, intents {states}"
    if status not in _SOLD | _REFUSED | _REVIEW:
        return f"{story}: it never settled"
    if status in _SOLD and (charges, unsettled) != (1, []):
        return f"{story}: sold means one charge and nothing open"
    if status in _REFUSED and (charges, unsettled) != (0, []):
        return f"{story}: refused means no charge and nothing open"
    if status in _REVIEW and (charges > 1 or unsettled != ["UNKNOWN"]):
        return f"{story}: a review is of one purchase, charged once at most"
    expected = _NOT_BOOKED_FOR_CERTAIN.get(cell.misbehaviour)
    if cell.operation == shop.purchase and expected and status not in expected:
        return f"{story}: it should have ended as {sorted(expected)}"
    if cell.lasting and status not in _REVIEW:
        return f"{story}: a provider that keeps lying is a person's matter"
    settles_itself = shop.ambiguity is not Ambiguity.REVIEW and cell.misbehaviour not in _LIES
    if settles_itself and cell.operation == shop.purchase and status in _REVIEW:
        return f"{story}: this mode needs nobody"
    return None


@pytest.fixture
def workflow_runner() -> WorkflowRunner:
    """As production runs it: half a thousand orders."""
    return UnsandboxedWorkflowRunner()


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.name)
async def test_no_misbehaviour_charges_twice_or_loses_what_was_bought(
    engine: AsyncEngine,
    sandbox: Sandbox,
    shop: Shop,
    driver: Driver,
    providers: dict[str, EsimProvider],
) -> None:
    """One charge and an eSIM; or refused, and nothing; or one purchase that a person looks at."""
    assert providers[shop.provider].traits.ambiguity is shop.ambiguity
    honest = await paid_order(engine)  # what a lie can be about
    await driver.start(honest)
    await driver.see_through(honest)
    cells = {await _order(engine, sandbox, shop, cell): cell for cell in cells_of(shop, sandbox)}
    for order_id in cells:
        await driver.start(order_id)
    await driver.see_through(*cells)
    verdicts = [
        await _verdict(driver, sandbox, shop, cell, order_id) for order_id, cell in cells.items()
    ]
    wrong = "\n".join(verdict for verdict in verdicts if verdict)
    assert not wrong, wrong
    assert await _lost(engine, sandbox) == []
    assert await broken(engine) == []
    assert len(cells) >= 20


async def _lost(engine: AsyncEngine, sandbox: Sandbox) -> list[str]:
    """Orders that were charged and whose code is neither in stock nor under review."""
    known = {
        row["order_id"]
        for row in await rows(
            engine,
            "SELECT order_id FROM provider_intents WHERE state = 'UNKNOWN'"
            " UNION SELECT order_id FROM esim_inventory WHERE provider IS NOT NULL",
        )
    }
    charged = {int(one.reference.removeprefix("order-")) for one in sandbox.net_charges()}
    return [f"order-{order_id}" for order_id in sorted(charged - known)]
