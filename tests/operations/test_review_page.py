"""What people see of purchases in doubt: the list, an order's page, and kept replies."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from db import review_views
from db.engine import transaction
from domain.errors import InvalidInput, ReplyNotFound, ReviewNotFound
from domain.purchase import PurchaseState, Resolution
from operations import review_page
from tests.doubts import CANARY, RAW, in_doubt, quarantined, under_review
from tests.operations.test_reviews import decide, trail
from tests.rows import paid_order

pytestmark = pytest.mark.usefixtures("catalogue")


async def test_reviews_come_newest_first_in_pages(engine: AsyncEngine) -> None:
    """By provider if asked; what is settled or under way is not among them."""
    waiting = [await under_review(engine) for _ in range(3)]
    elsewhere = await under_review(engine, provider="AIRALO")
    await in_doubt(engine, await paid_order(engine), state=PurchaseState.SENT)
    await decide(engine, waiting.pop(), Resolution.ABSENT)
    async with transaction(engine) as connection:
        first = await review_views.waiting(connection, limit=2)
        rest = await review_views.waiting(connection, before_id=first[-1].id, limit=2)
        airalo = await review_views.waiting(connection, provider="AIRALO")
    assert [review.order_id for review in first + rest] == [elsewhere, *waiting[::-1]]
    assert [review.order_id for review in airalo] == [elsewhere]


async def test_a_review_is_the_open_one_then_the_last_decided(engine: AsyncEngine) -> None:
    """After "absent" the order may come into doubt again: that one is what matters."""
    order_id = await under_review(engine)
    await decide(engine, order_id, Resolution.ABSENT)
    async with transaction(engine) as connection:
        decided = await review_views.of_order(connection, order_id)
        assert await review_views.of_order(connection, await paid_order(engine)) is None
    assert decided is not None
    assert (decided.state, decided.resolved_by) == (PurchaseState.RESOLVED, "ana")
    again = await in_doubt(engine, order_id)
    async with transaction(engine) as connection:
        review = await review_views.of_order(connection, order_id)
    assert review is not None
    assert (review.id, review.state) == (again, PurchaseState.UNKNOWN)


async def test_a_reply_is_listed_without_its_text_and_shown_on_record(engine: AsyncEngine) -> None:
    """Who reads it is in the trail and, once, in the log; a reply of another order is not there."""
    order_id, other = await under_review(engine), await under_review(engine)
    reply_id = await quarantined(engine, order_id)
    [kept] = (await review_page.page(engine, order_id)).replies
    assert (kept.id, kept.size) == (reply_id, len(RAW))
    assert CANARY not in repr(kept)
    with capture_logs() as lines:
        with pytest.raises(ReplyNotFound, match=f"esimctl review {other}"):
            await review_page.show_reply(engine, other, reply_id, "ana")
        with pytest.raises(InvalidInput, match="--actor"):
            await review_page.show_reply(engine, order_id, reply_id, " ")
        assert await review_page.show_reply(engine, order_id, reply_id, "ana") == RAW
    [line] = lines
    assert (line["event"], line["reply_id"], line["actor"]) == ("reply_shown", reply_id, "ana")
    assert CANARY not in str(line)
    assert await trail(engine, order_id) == [
        {"kind": "reply_shown", "actor": "ana", "payload": {"reply_id": reply_id}}
    ]
    assert await trail(engine, other) == []


async def test_a_page_offers_decisions_until_one_is_taken(engine: AsyncEngine) -> None:
    """API and command line show the same page; an order that was never in doubt has none."""
    order_id = await under_review(engine)
    page = await review_page.page(engine, order_id)
    assert page.review.order_id == order_id
    assert set(page.choices) == set(Resolution)
    await decide(engine, order_id, Resolution.ABSENT)
    page = await review_page.page(engine, order_id)
    assert page.choices == {}
    assert [event.kind for event in page.timeline] == ["purchase_resolved"]
    with pytest.raises(ReviewNotFound, match="has no purchase to review"):
        await review_page.page(engine, await paid_order(engine))
