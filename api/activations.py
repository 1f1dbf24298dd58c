"""Where an activation stands, from Postgres alone, for its owner and for ops. Holds no code."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from api import event_stream
from api.event_stream import EventBody
from api.http import problems
from api.http.auth import User
from api.http.ids import PathId
from api.http.paging import PAGED, AskedPage
from api.http.scalars import AnswerBody, Instant
from api.http.strict import StrictRoute
from api.http.waiting import read_profile
from api.resources import Shared
from db import events
from db.engine import transaction
from db.profiles import Profile
from domain.access import Scope
from domain.error_codes import ErrorCode
from domain.errors import OrderNotFound
from domain.profile import ProfileStatus

router = APIRouter(
    route_class=StrictRoute, prefix="/api/activations/{order_id:id}", tags=["Activations"]
)


async def _visible_profile(order_id: PathId, caller: User, shared: Shared) -> Profile:
    """Read the order's profile, if the caller owns the order or may see everybody's."""
    owner = None if caller.may(Scope.OPS_READ) else caller.user_id
    profile = await read_profile(shared.reads, order_id, owner)
    if profile is None:
        raise OrderNotFound("Order not found")
    return profile


Visible = Annotated[Profile, Depends(_visible_profile)]


_UNABLE = {
    ProfileStatus.PENDING_ACTIVATION: (
        "Unable to provision eSIM right now. We keep trying; please check again in a few minutes."
    ),
    ProfileStatus.EXHAUSTED: (
        "Unable to provision eSIM: this plan is out of stock. It follows as soon as there is more."
    ),
    ProfileStatus.PROVISIONING_FAILED: (
        "Unable to provision eSIM. Our team looks into it; there is nothing you need to do."
    ),
    ProfileStatus.NEEDS_REVIEW: ("Unable to provision eSIM until our team has checked the order."),
}


def sentence(status: ProfileStatus) -> str:
    """Say why there is no eSIM yet, and what comes next, in words for the customer."""
    return _UNABLE.get(status, _UNABLE[ProfileStatus.PENDING_ACTIVATION])


class FailureBody(BaseModel):
    """Why the last round of attempts gave no eSIM."""

    code: ErrorCode = Field(description="For programs.")
    detail: str = Field(description="For the customer.")
    reason: str | None = Field(description="For ops alone: null for everybody else.")

    @classmethod
    def of(cls, profile: Profile, *, for_ops: bool) -> "FailureBody | None":
        """Show a profile's failure, if it has one."""
        if profile.failure_code is None:
            return None
        return cls(
            code=ErrorCode.named(profile.failure_code),
            detail=sentence(profile.status),
            reason=profile.failure_reason if for_ops else None,
        )


class LinksBody(BaseModel):
    """Where to read on."""

    self: str
    timeline: str
    events: str
    esim: str


class ActivationBody(AnswerBody):
    """Where an activation stands. Holds no code."""

    kind: Literal["activation"] = "activation"
    id: int = Field(description="The eSIM's id.")
    order_id: int
    plan_id: int
    status: ProfileStatus
    failure: FailureBody | None
    failed_rounds: int
    inventory_item_id: int | None
    created_at: Instant
    updated_at: Instant
    started_at: Instant | None
    provisioned_at: Instant | None
    activated_at: Instant | None
    links: LinksBody

    @classmethod
    def of(cls, profile: Profile, *, for_ops: bool) -> "ActivationBody":
        """Show a profile without its codes; why it failed in detail is for ops."""
        return cls(
            id=profile.id,
            order_id=profile.order_id,
            plan_id=profile.plan_id,
            status=profile.status,
            failure=FailureBody.of(profile, for_ops=for_ops),
            failed_rounds=profile.failed_rounds,
            inventory_item_id=profile.inventory_item_id,
            created_at=profile.created_at,
            updated_at=profile.updated_at,
            started_at=profile.started_at,
            provisioned_at=profile.provisioned_at,
            activated_at=profile.activated_at,
            links=_links(profile),
        )


def _links(profile: Profile) -> LinksBody:
    activation = f"/api/activations/{profile.order_id}"
    return LinksBody(
        self=activation,
        timeline=f"{activation}/timeline",
        events=f"{activation}/events",
        esim=f"/api/esims/{profile.id}",
    )


@router.get("", responses=problems.responses(401, 403, 404, 422, 503))
async def get_activation(profile: Visible, caller: User) -> ActivationBody:
    """Show where the activation of an order stands."""
    return ActivationBody.of(profile, for_ops=caller.may(Scope.OPS_READ))


@router.get(
    "/timeline",
    responses=PAGED | problems.responses(401, 403, 404, 422, 503),
)
async def get_activation_timeline(
    page: AskedPage, profile: Visible, caller: User, shared: Shared
) -> list[EventBody]:
    """List everything that happened to the order, oldest first."""
    async with transaction(shared.engine) as connection:
        found = await events.timeline(
            connection, profile.order_id, after_id=page.after or 0, limit=page.limit
        )
    page.shows([event.id for event in found])
    return [EventBody.of(event, for_ops=caller.may(Scope.OPS_READ)) for event in found]


async def _stream_place(profile: Visible, caller: User, shared: Shared) -> AsyncIterator[None]:
    """Hold one of the places for streams until the answer has ended, however it ends."""
    with shared.streams.place(caller.user_id, profile.order_id):
        yield


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {event_stream.MEDIA_TYPE: {"schema": {"type": "string"}}}},
        **problems.responses(401, 403, 404, 422, 503),
    },
    dependencies=[Depends(_stream_place)],
)
async def stream_activation_events(
    profile: Visible,
    caller: User,
    shared: Shared,
    last_event_id: Annotated[str, Header()] = "",
) -> StreamingResponse:
    """Send the timeline as it happens (server-sent events), until the activation has ended.

    A client that reconnects with `Last-Event-ID` misses nothing and sees nothing twice.
    """
    stream = event_stream.follow(
        shared,
        profile.order_id,
        caller,
        after_id=event_stream.position(last_event_id),
    )
    return StreamingResponse(
        stream, media_type=event_stream.MEDIA_TYPE, headers={"X-Accel-Buffering": "no"}
    )
