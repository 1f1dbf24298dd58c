"""Profiles: found with their orders, and moved only along the machine."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import profiles, stock
from db.engine import transaction
from domain.errors import IllegalTransition, OrderNotFound, StaleWrite
from domain.event import EventKind, Origin
from domain.profile import ProfileStatus
from tests.rows import paid_order, rows, run, stock_item, value

pytestmark = pytest.mark.usefixtures("catalogue")

ANA = Origin("ana")


async def test_several_orders_give_their_profiles_by_order(engine: AsyncEngine) -> None:
    """An order without a profile is left out."""
    first, second, bare = [await paid_order(engine) for _ in range(3)]
    await run(engine, "DELETE FROM esim_profiles WHERE order_id = :id", id=bare)
    async with transaction(engine) as connection:
        found = await profiles.of_orders(connection, [first, second, bare])
    assert set(found) == {first, second}
    assert found[first].order_id == first


async def test_a_foreign_order_is_not_found(engine: AsyncEngine) -> None:
    """Ownership is in the query."""
    order_id = await paid_order(engine)
    async with transaction(engine) as connection:
        assert await profiles.find(connection, order_id, user_id=1) is not None
        assert await profiles.find(connection, order_id, user_id=2) is None


async def test_an_order_that_does_not_exist_cannot_be_locked(engine: AsyncEngine) -> None:
    """Neither as it is nor with a profile made for it."""
    async with transaction(engine) as connection:
        with pytest.raises(OrderNotFound):
            await profiles.lock(connection, 1)
        with pytest.raises(OrderNotFound):
            await profiles.lock_or_add(connection, 1)


async def test_a_move_is_recorded_with_its_edge(engine: AsyncEngine) -> None:
    """State, cause and actor land in the trail by the same transaction."""
    order_id = await paid_order(engine)
    async with transaction(engine) as connection:
        profile = await profiles.lock(connection, order_id)
        await profiles.move(
            connection,
            profile,
            ProfileStatus.EXHAUSTED,
            EventKind.PARKED,
            ANA,
            failure_code="provider-out-of-stock",
            failure_reason="sold out",
        )
    [event] = await rows(engine, "SELECT * FROM esim_provisioning_events")
    edge = (event["from_status"], event["to_status"])
    assert edge == ("PENDING_ACTIVATION", "EXHAUSTED")
    assert (event["actor"], event["error"]) == ("ana", "sold out")


async def test_an_edge_that_the_machine_lacks_changes_nothing(engine: AsyncEngine) -> None:
    """From pending straight to activated: refused, and not recorded."""
    order_id = await paid_order(engine)
    async with transaction(engine) as connection:
        profile = await profiles.lock(connection, order_id)
        with pytest.raises(IllegalTransition):
            await profiles.move(
                connection, profile, ProfileStatus.ACTIVATED, EventKind.PROFILE_ACTIVATED, ANA
            )
    assert await value(engine, "SELECT count(*) FROM esim_provisioning_events") == 0


async def test_a_move_of_what_changed_meanwhile_is_an_error(engine: AsyncEngine) -> None:
    """A profile read before somebody else's change is not written over."""
    order_id = await paid_order(engine)
    async with transaction(engine) as connection:
        stale = await profiles.lock(connection, order_id)
    await run(engine, "UPDATE esim_profiles SET status = 'CANCELLED'")
    async with transaction(engine) as connection:
        with pytest.raises(StaleWrite):
            await profiles.move(
                connection, stale, ProfileStatus.CANCELLED, EventKind.CANCELLED, ANA
            )


async def test_no_repr_shows_a_code(engine: AsyncEngine) -> None:
    """Neither a profile's nor an item's: either may end up in a traceback or a log line."""
    order_id = await paid_order(engine)
    await stock_item(engine)
    codes = "activation_code = '1$smdp.example.com$CANARY', confirmation_code = 'CANARY-4711'"
    await run(engine, f"UPDATE esim_profiles SET {codes}")
    await run(
        engine,
        f"UPDATE esim_inventory SET {codes}, qr_payload = NULL, status = 'RESERVED',"
        " order_id = :id, reserved_at = now()",
        id=order_id,
    )
    async with transaction(engine) as connection:
        profile = await profiles.lock(connection, order_id)
        item = await stock.held_by(connection, order_id)
    assert item is not None
    assert profile.confirmation_code == item.confirmation_code == "CANARY-4711"
    assert "CANARY" not in f"{profile!r} {item!r}"
