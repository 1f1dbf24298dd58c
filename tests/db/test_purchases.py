"""Purchases as rows: one open at a time, every write sure of what it changes."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import purchases
from db.engine import transaction
from db.purchases import Purchase
from domain.errors import IllegalTransition, StaleWrite, StorageFault
from domain.purchase import OPEN, PurchaseState
from tests.notices import bought_item, purchase
from tests.rows import force, paid_order, rows, run, stock_item

pytestmark = pytest.mark.usefixtures("catalogue")

PROVIDER = "AIRALO"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CLOSED = tuple(state for state in PurchaseState if state not in OPEN)

Write = Callable[[AsyncConnection, Purchase], Awaitable[object]]
WRITES: dict[str, Write] = {
    "mark_sent": purchases.mark_sent,
    "accept": lambda connection, intent: purchases.accept(
        connection, intent, PurchaseState.ACCEPTED, "P-1", {}
    ),
    "note_absent": lambda connection, intent: purchases.note_absent(
        connection, intent, settle_gap_seconds=0
    ),
    "close": lambda connection, intent: purchases.close(
        connection, intent, PurchaseState.REFUSED, reply=None
    ),
    "close as unknown": lambda connection, intent: purchases.close(
        connection, intent, PurchaseState.UNKNOWN, reply=None
    ),
    "mark_enabled": purchases.mark_enabled,
    "mark_returned": purchases.mark_returned,
    "mark_returned, refused": lambda connection, intent: purchases.mark_returned(
        connection, intent, refusal="It is installed."
    ),
}


async def intend(engine: AsyncEngine, order_id: int, provider: str = PROVIDER) -> Purchase:
    """Write a purchase down, in a transaction of its own."""
    async with transaction(engine) as connection:
        return await purchases.intend(
            connection,
            order_id=order_id,
            provider=provider,
            reference=f"order-{order_id}",
            plan_code="ES-5GB",
            request={"description": f"order-{order_id}"},
        )


async def in_state(engine: AsyncEngine, state: PurchaseState) -> Purchase:
    """A new order's purchase, put into a state without walking there."""
    intent = await intend(engine, await paid_order(engine))
    await force(
        engine,
        "UPDATE provider_intents SET state = CAST(:state AS text), provider_order_id = 'P-1',"
        " resolution = CASE WHEN CAST(:state AS text) = 'RESOLVED' THEN 'ABSENT' END,"
        " resolved_by = 'ana', resolved_reason = 'a test' WHERE id = :id",
        state=state.name,
        id=intent.id,
    )
    return replace(intent, state=state, provider_order_id="P-1")


async def row_of(engine: AsyncEngine, intent: Purchase) -> dict[str, object]:
    """The purchase as SQL shows it."""
    [found] = await rows(engine, "SELECT * FROM provider_intents WHERE id = :id", id=intent.id)
    return dict(found)


@pytest.mark.parametrize("state", OPEN)
async def test_an_order_has_one_open_purchase_at_most(
    engine: AsyncEngine, state: PurchaseState
) -> None:
    """Whatever its state and wherever the second one would be made, ACCEPTED included."""
    first = await in_state(engine, state)
    with pytest.raises(StorageFault, match="uq_provider_intents_one_open"):
        await intend(engine, first.order_id, provider="ESIM_ACCESS")
    async with transaction(engine) as connection:
        found = await purchases.open_for(connection, first.order_id)
    assert found == first


@pytest.mark.parametrize("state", CLOSED)
async def test_a_closed_purchase_leaves_room_for_another(
    engine: AsyncEngine, state: PurchaseState
) -> None:
    """The database allows it; that a confirmed one is never followed is `bought_for`'s matter."""
    first = await in_state(engine, state)
    second = await intend(engine, first.order_id)
    async with transaction(engine) as connection:
        found = await purchases.open_for(connection, first.order_id)
    assert found == second


async def test_of_two_that_begin_at_once_one_is_refused(engine: AsyncEngine) -> None:
    """Two connections without any lock of ours: the index alone keeps them apart."""
    order_id = await paid_order(engine)
    begun = await asyncio.gather(
        intend(engine, order_id), intend(engine, order_id), return_exceptions=True
    )
    assert {type(each) for each in begun} == {Purchase, StorageFault}


async def test_an_order_is_confirmed_once(engine: AsyncEngine) -> None:
    """A second confirmation is refused by the database, whatever asks for it."""
    first = await in_state(engine, PurchaseState.CONFIRMED)
    second = await intend(engine, first.order_id)
    async with transaction(engine) as connection:
        sent = await purchases.mark_sent(connection, second)
    with pytest.raises(StorageFault, match="uq_provider_intents_confirmed"):
        async with transaction(engine) as connection:
            await purchases.close(connection, sent, PurchaseState.CONFIRMED, reply=None)


async def test_an_edge_that_the_machine_lacks_is_refused_before_it_is_written(
    engine: AsyncEngine,
) -> None:
    """A confirmed purchase stays one, whatever a defect of ours would make of it."""
    intent = await in_state(engine, PurchaseState.CONFIRMED)
    with pytest.raises(IllegalTransition, match="confirmed to sent"):
        async with transaction(engine) as connection:
            await purchases.mark_sent(connection, intent)
    assert (await row_of(engine, intent))["state"] == "CONFIRMED"


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_to_a_purchase_that_changed_meanwhile_is_refused(
    engine: AsyncEngine, name: str
) -> None:
    """Somebody else's transaction came between the reading and the write: nothing is changed."""
    intent = await in_state(engine, PurchaseState.SENT)
    await run(engine, "UPDATE provider_intents SET state = 'UNKNOWN'")
    before = await row_of(engine, intent)
    with pytest.raises(StaleWrite):
        async with transaction(engine) as connection:
            await WRITES[name](connection, intent)
    assert await row_of(engine, intent) == before


async def test_a_purchase_begins_before_anything_leaves(engine: AsyncEngine) -> None:
    """INTENDED without a moment of sending; SENT has one; a repetition counts as an attempt."""
    intent = await intend(engine, await paid_order(engine))
    assert (await row_of(engine, intent))["sent_at"] is None
    async with transaction(engine) as connection:
        sent = await purchases.mark_sent(connection, intent)
    first = await row_of(engine, intent)
    assert (first["state"], first["attempts"]) == ("SENT", 1)
    async with transaction(engine) as connection:
        again = await purchases.mark_sent(connection, sent)
    second = await row_of(engine, intent)
    assert (again.attempts, second["attempts"]) == (2, 2)
    assert second["sent_at"] != first["sent_at"]


async def test_an_acceptance_keeps_its_first_moment(engine: AsyncEngine) -> None:
    """An accepted order is asked for again and again; how long it has waited must not be lost."""
    intent = await in_state(engine, PurchaseState.SENT)
    async with transaction(engine) as connection:
        accepted = await purchases.accept(
            connection, intent, PurchaseState.ACCEPTED, "P-7", {"status": 200}
        )
    first = await row_of(engine, intent)
    async with transaction(engine) as connection:
        await purchases.accept(connection, accepted, PurchaseState.ACCEPTED, "P-7", {"status": 202})
    second = await row_of(engine, intent)
    assert first["accepted_at"] == second["accepted_at"] is not None
    assert (second["provider_order_id"], second["reply"]) == ("P-7", {"status": 202})


async def test_an_unknown_outcome_stays_open_and_a_known_one_is_closed(
    engine: AsyncEngine,
) -> None:
    """UNKNOWN has no end; what came back before stays where this time nothing did."""
    intent = await in_state(engine, PurchaseState.SENT)
    async with transaction(engine) as connection:
        await purchases.close(connection, intent, PurchaseState.UNKNOWN, reply={"status": 504})
    assert (await row_of(engine, intent))["closed_at"] is None
    unknown = replace(intent, state=PurchaseState.UNKNOWN)
    async with transaction(engine) as connection:
        await purchases.close(connection, unknown, PurchaseState.REFUSED, reply=None)
    closed = await row_of(engine, intent)
    assert closed["closed_at"] is not None
    assert closed["reply"] == {"status": 504}


async def _note_absent(engine: AsyncEngine, intent: Purchase, now: datetime | None) -> bool:
    async with transaction(engine) as connection:
        return await purchases.note_absent(connection, intent, settle_gap_seconds=60, now=now)


async def test_an_absence_is_believed_a_settle_gap_after_the_first_and_not_before(
    engine: AsyncEngine,
) -> None:
    """However many look-ups find nothing meanwhile; they do not begin the gap afresh."""
    intent = await in_state(engine, PurchaseState.UNKNOWN)
    answers = [
        await _note_absent(engine, intent, NOW + timedelta(seconds=seconds))
        for seconds in (0, 1, 30, 59, 60)
    ]
    assert answers == [False, False, False, False, True]
    assert (await row_of(engine, intent))["absent_at"] == NOW


async def test_an_absence_is_measured_by_the_database_where_no_test_brings_a_clock(
    engine: AsyncEngine,
) -> None:
    """A first absence a minute ago, by the row itself, is enough."""
    intent = await in_state(engine, PurchaseState.UNKNOWN)
    assert await _note_absent(engine, intent, None) is False
    assert await _note_absent(engine, intent, None) is False
    await run(engine, "UPDATE provider_intents SET absent_at = absent_at - interval '60 seconds'")
    assert await _note_absent(engine, intent, None) is True


@pytest.mark.parametrize(
    ("state", "with_item", "gave"),
    [
        (PurchaseState.CONFIRMED, True, True),
        (PurchaseState.RESOLVED, True, True),
        (PurchaseState.RESOLVED, False, False),
        (PurchaseState.REFUSED, False, False),
        (PurchaseState.UNKNOWN, False, False),
        (PurchaseState.ACCEPTED, False, False),
    ],
)
async def test_what_gave_a_profile_is_found_for_ever(
    engine: AsyncEngine,
    state: PurchaseState,
    with_item: bool,
    gave: bool,
) -> None:
    """A confirmed purchase, and one whose code a person brought; nothing else."""
    intent = await in_state(engine, state)
    if with_item:
        item_id = await bought_item(engine, intent.order_id, "8934000000000000001", PROVIDER)
        await run(engine, "UPDATE provider_intents SET inventory_item_id = :id", id=item_id)
    await _refused_purchase(engine, intent.order_id)
    async with transaction(engine) as connection:
        found = await purchases.bought_for(connection, intent.order_id)
        assert await purchases.bought_for(connection, await paid_order(engine)) is None
    assert (found is not None) is gave
    assert found is None or found.id == intent.id


async def _refused_purchase(engine: AsyncEngine, order_id: int) -> None:
    """An earlier failure of the same order, which must not be mistaken for the purchase."""
    await purchase(engine, order_id, provider="ESIM_ACCESS", state="REFUSED")


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
        return await purchases.unwanted_for(connection, order_id)


async def test_what_nobody_has_seen_can_be_given_back_once(
    engine: AsyncEngine, unwanted: Purchase
) -> None:
    """Until it was given back; another order's is not this one's."""
    assert await _unwanted_for(engine, unwanted.order_id) == unwanted
    assert await _unwanted_for(engine, await paid_order(engine)) is None
    async with transaction(engine) as connection:
        await purchases.mark_returned(connection, unwanted)
    assert (await row_of(engine, unwanted))["returned_at"] is not None
    assert await _unwanted_for(engine, unwanted.order_id) is None


async def test_what_the_provider_does_not_take_is_not_offered_again(
    engine: AsyncEngine, unwanted: Purchase
) -> None:
    """The reason stays, and nothing says that it was returned."""
    async with transaction(engine) as connection:
        await purchases.mark_returned(connection, unwanted, refusal="It is installed.")
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
