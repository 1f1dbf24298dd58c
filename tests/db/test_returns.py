"""What nobody needs is given back once, and never what somebody has."""

from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import returns
from db.engine import transaction
from db.purchases import Purchase
from domain.purchase import PurchaseState
from tests.intents import PROVIDER, in_state, row_of
from tests.notices import bought_item
from tests.rows import force, paid_order, run, stock_item

pytestmark = pytest.mark.usefixtures("catalogue")

RETIRED = "UPDATE esim_inventory SET status = 'RETIRED', retired_at = now(), assigned_at = NULL"


@pytest.fixture
async def unwanted(engine: AsyncEngine) -> Purchase:
    """A confirmed purchase whose item went out of use before anybody saw it."""
    intent = await in_state(engine, PurchaseState.CONFIRMED)
    item_id = await bought_item(engine, intent.order_id, "8934000000000000001", PROVIDER)
    await run(engine, RETIRED)
    await run(engine, "UPDATE provider_intents SET inventory_item_id = :id", id=item_id)
    return replace(intent, inventory_item_id=item_id)


async def _unwanted_for(engine: AsyncEngine, order_id: int) -> Purchase | None:
    async with transaction(engine) as connection:
        return await returns.unwanted_for(connection, order_id)


async def test_what_nobody_has_seen_can_be_given_back_once(
    engine: AsyncEngine, unwanted: Purchase
) -> None:
    """Until it was given back; another order's is not this one's."""
    assert await _unwanted_for(engine, unwanted.order_id) == unwanted
    assert await _unwanted_for(engine, await paid_order(engine)) is None
    async with transaction(engine) as connection:
        await returns.mark_returned(connection, unwanted)
    assert (await row_of(engine, unwanted))["returned_at"] is not None
    assert await _unwanted_for(engine, unwanted.order_id) is None


async def test_what_the_provider_does_not_take_is_not_offered_again(
    engine: AsyncEngine, unwanted: Purchase
) -> None:
    """The reason stays, and nothing says that it was returned."""
    async with transaction(engine) as connection:
        await returns.mark_returned(connection, unwanted, refusal="It is installed.")
    row = await row_of(engine, unwanted)
    assert (row["returned_at"], row["return_error"]) == (None, "It is installed.")
    assert await _unwanted_for(engine, unwanted.order_id) is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE provider_intents SET downloaded_at = now()",
        "UPDATE provider_intents SET state = 'RESOLVED', resolution = 'EXISTS'",
        "UPDATE esim_inventory SET assigned_at = now()",
        "UPDATE esim_inventory SET status = 'ASSIGNED', assigned_at = now()",
        "UPDATE esim_inventory SET status = 'RESERVED', reserved_at = now()",
        "UPDATE esim_inventory SET status = 'AVAILABLE', order_id = NULL",
    ],
    ids=["downloaded", "a person's code", "was assigned", "assigned", "reserved", "on sale"],
)
async def test_what_somebody_has_or_may_have_is_not_given_back(
    engine: AsyncEngine, unwanted: Purchase, change: str
) -> None:
    """Taken by a device, seen by a person, ever assigned, or still somebody's to come."""
    await force(engine, change)
    assert await _unwanted_for(engine, unwanted.order_id) is None


async def test_what_was_bought_beside_stock_is_the_purchase_s_to_give_back(
    engine: AsyncEngine,
) -> None:
    """The order has an item from stock; the retired one is found by its purchase alone."""
    intent = await in_state(engine, PurchaseState.CONFIRMED)
    from_stock = await stock_item(engine, 2)
    item_id = await bought_item(engine, intent.order_id, "8934000000000000001", PROVIDER)
    await run(engine, RETIRED + ", order_id = NULL WHERE id = :id", id=item_id)
    await run(
        engine,
        "UPDATE esim_inventory SET status = 'RESERVED', reserved_at = now(), order_id = :order"
        " WHERE id = :id",
        order=intent.order_id,
        id=from_stock,
    )
    await run(engine, "UPDATE provider_intents SET inventory_item_id = :id", id=item_id)
    found = await _unwanted_for(engine, intent.order_id)
    assert found is not None
    assert found.inventory_item_id == item_id


ICCID = "8934000000000000001"


async def _in_doubt(engine: AsyncEngine, iccid: str, provider: str = PROVIDER) -> list[Purchase]:
    """What another order's purchase, of that profile, shows to be given back."""
    other = await in_state(engine, PurchaseState.ACCEPTED)
    async with transaction(engine) as connection:
        return await returns.returns_in_doubt(connection, replace(other, provider=provider), iccid)


async def test_a_profile_that_is_sold_again_shows_that_it_was_given_back(
    engine: AsyncEngine, unwanted: Purchase
) -> None:
    """Whether the answer is missing, or the provider would not say; at that provider alone."""
    for refusal in (None, "It does not take it back."):
        await run(engine, "UPDATE provider_intents SET return_error = :why", why=refusal)
        assert await _in_doubt(engine, ICCID) == [unwanted]
    assert await _in_doubt(engine, "8934000000000000002") == []
    assert await _in_doubt(engine, ICCID, "ANOTHER") == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE provider_intents SET downloaded_at = now()",
        "UPDATE provider_intents SET returned_at = now()",
        "UPDATE esim_inventory SET status = 'ASSIGNED', assigned_at = now()",
    ],
    ids=["downloaded", "known to be returned", "assigned"],
)
async def test_what_is_settled_is_not_settled_again_by_its_iccid(
    engine: AsyncEngine, unwanted: Purchase, change: str
) -> None:
    """A customer's profile, and what a device has, were not given back, whoever sells them."""
    await force(engine, change)
    assert await _in_doubt(engine, ICCID) == []
    async with transaction(engine) as connection:
        still = await returns.still_unwanted(connection, unwanted)
    assert still is ("returned_at" not in change)
