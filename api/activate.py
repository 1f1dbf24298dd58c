"""POST /api/esims/activate: start an order's activation, and wait for it a little.

The row comes first: what it already says needs no Temporal. Otherwise the workflow is started
(or found), and the answer is read from the row once it has settled. See docs/adr/0006.
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse

from api.activations import ActivationBody, sentence
from api.esims import EsimBody
from api.http import preferences, problems
from api.http.auth import Caller, User
from api.http.headers import headers
from api.http.ids import Id
from api.http.problems import Problem
from api.http.strict import RequestBody, StrictRoute
from api.http.waiting import DELIVERY_GRACE_SECONDS, Waiter, has_settled, read_profile
from api.resources import Resources, Shared
from db import orders, profiles
from db.engine import transaction
from db.profiles import Profile
from domain.errors import OrderNotFound, OrderNotPaid
from domain.order import OrderStatus
from domain.profile import NEEDS_A_PERSON, PARKED, READY, ProfileStatus
from operations import nudges
from operations.deadline import answered
from operations.restore import begin_anew
from workflows.client import Started
from workflows.messages import Intervention

router = APIRouter(route_class=StrictRoute, tags=["eSIMs"])

_POLL_AFTER_SECONDS = "2"
_PREFER = "`wait=N`: answer after N seconds at the latest. `respond-async`: at once."
_REPLAYED = {"Idempotent-Replayed": "true"}


@dataclass(frozen=True, slots=True)
class _Activation:
    """One POST: who asks for which order."""

    shared: Resources
    caller: Caller
    order_id: int


class ActivateRequest(RequestBody):
    """Which paid order to turn into an eSIM."""

    order_id: Id


@router.post(
    "/api/esims/activate",
    response_model=EsimBody,
    responses={
        200: {
            "description": "The eSIM is ready; `kind` is `esim`.",
            "headers": headers("Idempotent-Replayed", "Preference-Applied"),
        },
        202: {
            "model": ActivationBody,
            "description": "Still running: read on at `Location`; `kind` is `activation`.",
            "headers": headers("Location", "Retry-After", "Preference-Applied"),
        },
        **problems.responses(400, 401, 403, 404, 409, 413, 415, 422, 429, 502, 503),
    },
)
async def activate_esim(
    body: ActivateRequest,
    caller: User,
    shared: Shared,
    request: Request,
    prefer: Annotated[str, Header(description=_PREFER)] = "",  # noqa: ARG001 - may repeat
) -> Response:
    """Turn a paid order into an eSIM. Safe to repeat: every answer names the same eSIM.

    `Prefer: wait=N` waits up to N seconds (25 at most), `Prefer: respond-async` not at all.
    """
    preference = preferences.parse(request.headers.getlist("prefer"))
    wait_seconds = preference.wait_or(shared.settings.activation_wait_seconds)
    response = await _activate(_Activation(shared, caller, body.order_id), wait_seconds)
    if preference.applied:
        response.headers["Preference-Applied"] = preference.applied
    return response


async def _activate(activation: _Activation, wait_seconds: float) -> Response:
    shared = activation.shared
    # Subscribed before the first read: nothing that happens after it goes unheard.
    with shared.notifications.subscribe(activation.order_id) as subscription:
        waiter = Waiter(shared.reads, shared.notifications, subscription)
        first = await _own_profile(activation)
        if first.status is ProfileStatus.ACTIVATED:
            return _ready(first, _REPLAYED)
        with shared.waiting_room.place(activation.caller.user_id, activation.order_id):
            if first.status is ProfileStatus.ASSIGNED:
                # It is being handed over: a moment later the answer is the one that stays.
                first = await waiter.wait(first, min(wait_seconds, DELIVERY_GRACE_SECONDS))
            if first.status in READY:
                return _ready(first, _REPLAYED)
            _refuse_what_cannot_start(first)
            if _has_failed(first):
                await _nudge(activation, first)
            else:
                await _start(activation, first)
            return _answer(await waiter.wait(first, wait_seconds), first, shared)


async def _own_profile(activation: _Activation) -> Profile:
    """Read the caller's profile of the order. An order that was written by hand gets one here.

    Raises:
        OrderNotFound: no such order, or somebody else's.
    """
    shared, order_id, user_id = activation.shared, activation.order_id, activation.caller.user_id
    profile = await read_profile(shared.reads, order_id, user_id)
    if profile is not None:
        return profile
    async with transaction(shared.engine) as connection:
        order = await orders.find(connection, order_id, user_id=user_id)
        if order is None:
            raise OrderNotFound("Order not found")
        if order.status is not OrderStatus.PAID:
            raise _not_paid()
        await profiles.ensure(connection, order_id)
    return await _own_profile(activation)


def _refuse_what_cannot_start(profile: Profile) -> None:
    if profile.status is ProfileStatus.CANCELLED:
        raise Problem(409, "activation-cancelled", "The activation of this order was cancelled.")
    if profile.status is ProfileStatus.EXPIRED:
        raise Problem(409, "esim-expired", "The eSIM of this order has expired.")
    if profile.order_status is not OrderStatus.PAID:
        raise _not_paid()


def _not_paid() -> OrderNotPaid:
    return OrderNotPaid("Order must be paid before activating eSIM")


def _has_failed(profile: Profile) -> bool:
    pending_after_failure = (
        profile.status is ProfileStatus.PENDING_ACTIVATION and profile.failure_code is not None
    )
    return profile.status in PARKED or pending_after_failure


async def _nudge(activation: _Activation, profile: Profile) -> None:
    """Ask a waiting activation to try again now, at most once per cool-down.

    Raises:
        Problem: 502, the present failure, if it is not the time or only a person can help.
    """
    shared = activation.shared
    cooldown_seconds = shared.settings.activation_nudge_cooldown_seconds
    if not await nudges.claim(shared.engine, profile, cooldown_seconds=cooldown_seconds):
        raise _unable(profile, shared)
    await _start(activation, profile)
    request = Intervention(activation.caller.actor, "activation was asked for again")
    await answered(shared.activations.nudge(profile.order_id, request))


async def _start(activation: _Activation, first: Profile) -> None:
    """Start the workflow, or find the one that runs.

    Raises:
        Problem: 502 if the order's run has ended without a result and cannot be repeated.
        EngineUnavailable: Temporal is away; nothing was promised.
    """
    activations, order_id = activation.shared.activations, activation.order_id
    for start in (
        partial(activations.start, order_id, first.plan_id),
        partial(begin_anew, activation.shared.engine, activations, order_id),
        partial(activations.restart, order_id),
    ):
        if await answered(start()) is Started.RUNNING:
            return
        # A run has ended: because it has just settled the row, because it was terminated, or
        # because the row is that of a restored backup.
        now = await _own_profile(activation)
        if now.status in READY or has_settled(now, first):
            return
    raise Problem(502, "activation-ended", sentence(ProfileStatus.PROVISIONING_FAILED))


def _answer(profile: Profile, first: Profile, shared: Resources) -> Response:
    if profile.status in READY:
        return _ready(profile, {})
    if profile.status in PARKED or profile.failed_rounds > first.failed_rounds:
        raise _unable(profile, shared)
    _refuse_what_cannot_start(profile)
    return JSONResponse(
        ActivationBody.of(profile, for_ops=False).model_dump(mode="json"),
        202,
        headers={
            "Location": f"/api/activations/{profile.order_id}",
            "Retry-After": _POLL_AFTER_SECONDS,
        },
    )


def _ready(profile: Profile, headers: dict[str, str]) -> Response:
    body = EsimBody.of(profile).model_dump_json()
    return Response(body, media_type="application/json", headers=headers)


def _unable(profile: Profile, shared: Resources) -> Problem:
    """Build the 502 with what the customer may know; ops read the reason in the timeline."""
    helps_itself = profile.status not in NEEDS_A_PERSON
    return Problem(
        502,
        profile.failure_code or "provisioning-failed",
        sentence(profile.status),
        retry_after_seconds=(
            shared.settings.activation_nudge_cooldown_seconds if helps_itself else None
        ),
        esim_status=profile.status.value,
        activation=f"/api/activations/{profile.order_id}",
    )
