"""All there is to decide by of a purchase in doubt, for whoever is to decide."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db import events, review_views, reviews
from db.engine import transaction
from db.events import Event
from db.review_views import KeptReply, Review
from domain.errors import ReplyNotFound, ReviewNotFound
from domain.purchase import PurchaseState, Resolution
from operations.attribution import named
from operations.providers import check_known
from operations.review_words import effects

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """A purchase with what there is to decide by. Holds no code.

    Attributes:
        replies: those in quarantine, without what they say.
        timeline: the order's newest events, oldest of them first.
        earlier_events: how many came before those.
    """

    review: Review
    replies: list[KeptReply]
    timeline: list[Event]
    earlier_events: int

    @property
    def choices(self) -> Mapping[Resolution, str]:
        """The decisions that can be taken, and what each would do; none once one is taken."""
        if self.review.state is not PurchaseState.UNKNOWN:
            return {}
        return effects(self.review.profile_status, came_back=bool(self.replies))


async def waiting(
    engine: AsyncEngine,
    *,
    limit: int,
    provider: str | None = None,
    before_id: int | None = None,
) -> list[Review]:
    """List purchases that wait for a decision, newest first; an empty provider means any.

    Raises:
        UnknownProvider: names those there are.
    """
    async with transaction(engine) as connection:
        name = await check_known(connection, provider) if provider else None
        return await review_views.waiting(
            connection, provider=name, before_id=before_id, limit=limit
        )


async def page(engine: AsyncEngine, order_id: int) -> Page:
    """Read the order's purchase in doubt, else the last one that a person decided.

    Raises:
        ReviewNotFound: it never had one; says where to look.
    """
    async with transaction(engine) as connection:
        review = await review_views.of_order(connection, order_id)
        if review is None:
            raise ReviewNotFound(
                f"Order {order_id} has no purchase to review. Those there are: esimctl reviews."
                f" The order's story: esimctl status {order_id}"
            )
        replies = await review_views.replies(connection, order_id)
        timeline, earlier = await events.newest(connection, order_id)
    return Page(review, replies, timeline, earlier)


async def show_reply(engine: AsyncEngine, order_id: int, reply_id: int, actor: str) -> str:
    """Return a reply as it came, which most likely holds a code. Who read it is on record.

    Raises:
        InvalidInput: a blank actor.
        OrderNotFound: there is no such order.
        ReplyNotFound: it has no such reply in quarantine.
    """
    reader = named(actor)
    async with transaction(engine) as connection:
        raw = await reviews.show_reply(connection, order_id, reply_id, reader)
    if raw is None:
        raise ReplyNotFound(
            f"Order {order_id} has no reply {reply_id} in quarantine."
            f" Those there are: esimctl review {order_id}"
        )
    log.info("reply_shown", order_id=order_id, reply_id=reply_id, actor=reader)
    return raw
