"""Where an activation stands, from Postgres alone, for its owner and for ops. Holds no code."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.responses import StreamingResponse

from api import event_stream
from api.http import problems
from api.http.auth import User
from api.http.ids import PathId
from api.http.paging import AskedPage
from api.resources import Shared
from api.schemas import ActivationBody, EventBody
from api.settlement import read_profile
from db import events
from db.engine import transaction
from db.profiles import Profile
from domain.errors import OrderNotFound

router = APIRouter(prefix="/api/activations/{order_id:id}", tags=["Activations"])


async def _visible_profile(order_id: PathId, caller: User, shared: Shared) -> Profile:
    """The order's profile, if the caller owns the order or is an admin."""
    owner = None if caller.is_admin else caller.user_id
    profile = await read_profile(shared.reads, order_id, owner)
    if profile is None:
        raise OrderNotFound("Order not found")
    return profile


Visible = Annotated[Profile, Depends(_visible_profile)]


@router.get("", responses=problems.responses(401, 404, 422, 503))
async def get_activation(profile: Visible, caller: User) -> ActivationBody:
    """Where the activation of an order stands."""
    return ActivationBody.of(profile, for_ops=caller.is_admin)


@router.get(
    "/timeline",
    responses=problems.responses(401, 404, 422, 503),
)
async def get_activation_timeline(
    page: AskedPage, profile: Visible, caller: User, shared: Shared
) -> list[EventBody]:
    """Everything that happened to the order, oldest first."""
    async with transaction(shared.engine) as connection:
        found = await events.timeline(
            connection, profile.order_id, after_id=page.after or 0, limit=page.limit
        )
    page.shows([event.id for event in found])
    return [EventBody.of(event, for_ops=caller.is_admin) for event in found]


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {event_stream.MEDIA_TYPE: {"schema": {"type": "string"}}}},
        **problems.responses(401, 404, 422, 503),
    },
)
async def stream_activation_events(
    profile: Visible,
    caller: User,
    shared: Shared,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """The timeline as it happens (server-sent events), until the activation has ended.

    A client that reconnects with `Last-Event-ID` misses nothing and sees nothing twice.
    """
    stream = event_stream.follow(
        shared,
        profile.order_id,
        after_id=event_stream.position(last_event_id),
        for_ops=caller.is_admin,
    )
    return StreamingResponse(
        stream, media_type=event_stream.MEDIA_TYPE, headers={"X-Accel-Buffering": "no"}
    )
