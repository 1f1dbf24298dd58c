"""Purchases in doubt: what is known of them, and what a person decides. For ops alone."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse

from api.http import problems
from api.http.auth import Admin
from api.http.ids import PathId
from api.http.paging import AskedPage
from api.http.problems import Problem
from api.purchase_schemas import ResolvedBody, ResolveRequest, ReviewBody, ReviewDetailBody
from api.resources import Shared
from api.schemas import ProviderName
from db import events
from db import reviews as stored
from db.engine import transaction
from operations import reviews
from operations.providers import check_known

router = APIRouter(prefix="/api/admin/reviews", tags=["Reviews"])

log = structlog.get_logger(__name__)


@router.get("", responses=problems.responses(401, 403, 404, 422, 503))
async def list_reviews(
    page: AskedPage,
    _: Admin,
    shared: Shared,
    provider: Annotated[ProviderName | None, Query()] = None,
) -> list[ReviewBody]:
    """Purchases that wait for a person's decision, newest first."""
    async with transaction(shared.engine) as connection:
        if provider is not None:
            provider = await check_known(connection, provider)
        found = await stored.waiting(
            connection, provider=provider, before_id=page.after, limit=page.limit
        )
    page.shows([review.id for review in found])
    return [ReviewBody.of(review) for review in found]


@router.get("/{order_id:id}", responses=problems.responses(401, 403, 404, 422, 503))
async def get_review(order_id: PathId, _: Admin, shared: Shared) -> ReviewDetailBody:
    """The order's purchase in doubt, else the last one that a person decided."""
    async with transaction(shared.engine) as connection:
        review = await stored.of_order(connection, order_id)
        if review is None:
            raise Problem(404, "review-not-found", f"Order {order_id} has no purchase to review.")
        replies = await stored.replies(connection, order_id)
        timeline, earlier = await events.newest(connection, order_id)
    return ReviewDetailBody.page(review, replies, timeline, earlier)


@router.post(
    "/{order_id:id}/resolve",
    responses=problems.responses(401, 403, 404, 409, 413, 415, 422, 503),
)
async def resolve_review(
    order_id: PathId, body: ResolveRequest, caller: Admin, shared: Shared
) -> ResolvedBody:
    """Settle a purchase in doubt: it exists, it does not, or nothing more is tried.

    409 if nothing is in doubt (any more), if a call is under way (`Retry-After`), and if another
    item has the code.
    """
    resolved = await reviews.resolve(
        shared.engine,
        shared.activations,
        order_id,
        body.decision(caller.email),
        enabling=shared.enabling,
    )
    log.info(
        "purchase_resolved",
        order_id=order_id,
        resolution=resolved.decided.resolution,
        provider=resolved.decided.provider,
        actor=caller.email,
    )
    return ResolvedBody.of(resolved)


@router.get(
    "/{order_id:id}/replies/{reply_id:id}",
    response_class=PlainTextResponse,
    responses=problems.responses(401, 403, 404, 422, 503),
)
async def get_quarantined_reply(
    order_id: PathId, reply_id: PathId, caller: Admin, shared: Shared
) -> PlainTextResponse:
    """A reply as it came, which most likely holds a code. Reading it is recorded."""
    async with transaction(shared.engine) as connection:
        raw = await stored.show_reply(connection, order_id, reply_id, caller.email)
    if raw is None:
        raise Problem(404, "reply-not-found", f"Order {order_id} has no such reply in quarantine.")
    log.info("reply_shown", order_id=order_id, reply_id=reply_id, actor=caller.email)
    return PlainTextResponse(raw, headers={"Cache-Control": "no-store"})
