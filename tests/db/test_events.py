"""What people are shown of a long audit trail is its end."""

from sqlalchemy.ext.asyncio import AsyncEngine

from db import events
from db.engine import transaction
from domain.event import EventKind, Origin
from tests.rows import paid_order, seed_catalogue


async def test_the_newest_events_come_in_their_order_with_a_count_of_the_others(
    engine: AsyncEngine,
) -> None:
    """A decision is at the end of the story, however many rounds failed before it."""
    await seed_catalogue(engine)
    order_id = await paid_order(engine)
    async with transaction(engine) as connection:
        for number in range(5):
            origin = Origin(f"person-{number}")
            await events.append(connection, order_id, EventKind.REQUEST_IGNORED, origin)
        found, earlier = await events.newest(connection, order_id, limit=3)
        everything, none_left_out = await events.newest(connection, order_id)
    assert [event.actor for event in found] == ["person-2", "person-3", "person-4"]
    assert earlier == 2
    assert (len(everything), none_left_out) == (5, 0)
