"""How often the steps of a stock hit talk to Postgres."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.apply import Applied, Assignment, ProfileActivities
from activities.deliver import AnswerDelivery
from activities.pause_points import PausePoints
from activities.reserve import ReservationRequest, StockActivities
from activities.routes import Routes
from tests.rows import paid_order, stock_item, value

pytestmark = pytest.mark.usefixtures("catalogue")


@contextmanager
def _statements(engine: AsyncEngine) -> Iterator[list[str]]:
    """What is sent while the block runs; BEGIN stands for a transaction of several statements."""
    sent: list[str] = []

    def note(*arguments: object) -> None:
        sent.append(str(arguments[2]))

    def note_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            sent.append("BEGIN")

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    event.listen(engine.sync_engine, "begin", note_begin)
    yield sent
    event.remove(engine.sync_engine, "before_cursor_execute", note)
    event.remove(engine.sync_engine, "begin", note_begin)


async def test_each_step_of_a_stock_hit_is_one_round_trip(engine: AsyncEngine) -> None:
    """One statement to reserve and one to apply and hand over; a repetition finds it done."""
    item_id, order_id = await stock_item(engine), await paid_order(engine)
    stock = StockActivities(engine, PausePoints(), Routes("LOCAL", ["LOCAL"]), {})
    profile = ProfileActivities(engine, PausePoints(), AnswerDelivery())
    run = ActivityEnvironment().run
    with _statements(engine) as sent:
        reservation = await run(stock.reserve_inventory, ReservationRequest(order_id))
        assert len(sent) == 1
        applied = await run(profile.apply_profile, Assignment(order_id, item_id))
        assert len(sent) == 2
    assert (reservation.item_id, applied) == (item_id, Applied(handed_over=True))
    again = await run(stock.reserve_inventory, ReservationRequest(order_id))
    assert again.item_id == item_id
    assert await run(profile.apply_profile, Assignment(order_id, item_id)) == applied
    assert await value(engine, "SELECT count(*) FROM esim_provisioning_events") == 4
