"""Purchases as rows: one open at a time, every write sure of what it changes."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import purchases, repeated_calls, returns
from db.engine import transaction
from db.purchases import Purchase
from domain.errors import IllegalTransition, StaleWrite, StorageFault
from domain.purchase import OPEN, PurchaseState
from tests.intents import in_state, intend, row_of
from tests.notices import bought_item, purchase
from tests.rows import paid_order, run

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
    "note_unheard": repeated_calls.note_unheard,
    "note_heard": repeated_calls.note_heard,
    "mark_returned": returns.mark_returned,
    "mark_returned, refused": lambda connection, intent: returns.mark_returned(
        connection, intent, refusal="It is installed."
    ),
}


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
