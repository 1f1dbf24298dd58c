"""Apply copies what the customer needs from the item to the profile, in one transaction."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs
from temporalio.testing import ActivityEnvironment

from activities.apply import Assignment, ProfileActivities
from activities.deliver import AnswerDelivery
from activities.pause_points import PausePoints
from domain.errors import FaultyStock
from tests.rows import paid_order, rows, run, stock_item, value

pytestmark = pytest.mark.usefixtures("catalogue")

CANARY = "CANARY-4711"


async def _reserved(engine: AsyncEngine) -> Assignment:
    """An order that holds an item with a confirmation code."""
    item_id, order_id = await stock_item(engine), await paid_order(engine)
    await run(
        engine,
        "UPDATE esim_inventory SET status = 'RESERVED', order_id = :order_id,"
        " reserved_at = now(), confirmation_code = :code",
        order_id=order_id,
        code=CANARY,
    )
    held = "UPDATE esim_profiles SET status = 'RESERVED', inventory_item_id = :item_id"
    await run(engine, held, item_id=item_id)
    return Assignment(order_id, item_id)


async def test_the_confirmation_code_goes_with_the_activation_code(engine: AsyncEngine) -> None:
    """Both are on the profile, a second call changes nothing, and the trail has neither."""
    assignment = await _reserved(engine)
    steps = ProfileActivities(engine, PausePoints(), AnswerDelivery())
    with capture_logs() as log:
        for _ in range(2):
            await ActivityEnvironment().run(steps.apply_profile, assignment)
    assert [(line["event"], line["esim_provisioning"]) for line in log] == (
        [("esim_ready", "success")] * 2
    )
    [profile] = await rows(
        engine, "SELECT status, activation_code, confirmation_code FROM esim_profiles"
    )
    assert profile == {
        "status": "ACTIVATED",
        "activation_code": "1$smdp.example.com$STOCK-1",
        "confirmation_code": CANARY,
    }
    events = await rows(
        engine, "SELECT kind, e::text AS line FROM esim_provisioning_events AS e ORDER BY id"
    )
    assert [event["kind"] for event in events] == ["profile_assigned", "profile_activated"]
    assert all(CANARY not in event["line"] for event in events)


async def test_a_code_that_a_customer_has_in_another_spelling_is_retired(
    engine: AsyncEngine,
) -> None:
    """By whatever way it came in: the second order is spared, and takes another item."""
    steps = ProfileActivities(engine, PausePoints(), AnswerDelivery())
    await ActivityEnvironment().run(steps.apply_profile, await _reserved(engine))
    order_id = await paid_order(engine)
    await run(
        engine,
        "WITH item AS (INSERT INTO esim_inventory (activation_code, status, order_id, reserved_at)"
        " VALUES ('LPA:1$smdp.example.com$STOCK-1', 'RESERVED', :order_id, now()) RETURNING id)"
        " UPDATE esim_profiles SET status = 'RESERVED', inventory_item_id = item.id FROM item"
        " WHERE order_id = :order_id",
        order_id=order_id,
    )
    item_id = await value(engine, "SELECT max(id) FROM esim_inventory")
    with pytest.raises(FaultyStock):
        await ActivityEnvironment().run(steps.apply_profile, Assignment(order_id, item_id))
    [item] = await rows(engine, "SELECT status FROM esim_inventory WHERE id = :id", id=item_id)
    assert item["status"] == "RETIRED"
    assert await value(engine, "SELECT status FROM esim_profiles WHERE id = 2") == (
        "PENDING_ACTIVATION"
    )
