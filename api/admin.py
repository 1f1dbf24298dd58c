"""What ops ask and do: list activations, retry or cancel one. Never shows a code."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.activations import ActivationBody
from api.http import problems
from api.http.auth import OpsAct, OpsRead
from api.http.ids import PathId
from api.http.paging import PAGED, AskedPage
from api.http.scalars import ProviderName, Text
from api.http.strict import RequestBody, StrictRoute
from api.resources import Resources, Shared
from db import profiles
from db.engine import transaction
from db.profiles import Profile
from domain.errors import EngineUnavailable, OrderNotFound
from domain.profile import ProfileStatus
from operations import activations as operations
from operations.activations import intervention
from operations.deadline import answered

router = APIRouter(route_class=StrictRoute, prefix="/api/admin/activations", tags=["Admin"])

# A query needs a live worker; a page of ops must not hang on it.
_STATE_DEADLINE_SECONDS = 2.0
_INTERVENTION = problems.responses(401, 403, 404, 409, 413, 415, 422, 503)


_ELSEWHERE = "Buy here instead of along the plan's route (plan_codes)."


class RetryRequest(RequestBody):
    """Why somebody wants a waiting activation to try again now."""

    reason: Text
    provider: ProviderName | None = Field(None, description=_ELSEWHERE)


class CancelRequest(RequestBody):
    """Why somebody wants an activation to end."""

    reason: Text


class EngineBody(BaseModel):
    """What Temporal alone knows of a running activation."""

    step: str
    provider: str | None
    next_round_at: str | None


class ActivationDetailBody(ActivationBody):
    """An activation as ops see it."""

    user_id: int
    engine: EngineBody | None = Field(description="Null if nothing runs or Temporal is away.")


class CancelledBody(ActivationBody):
    """An activation that was asked to end."""

    settling_at: str | None = Field(
        description="The provider at which its purchase is still being settled, if there is one."
    )


@router.get("", responses=PAGED | problems.responses(401, 403, 422, 503))
async def list_activations(
    page: AskedPage,
    _: OpsRead,
    shared: Shared,
    status: Annotated[list[ProfileStatus] | None, Query(max_length=len(ProfileStatus))] = None,
) -> list[ActivationBody]:
    """List activations in any of these states (all without one), newest first."""
    async with transaction(shared.engine) as connection:
        found = await profiles.with_status(
            connection, frozenset(status or ProfileStatus), before_id=page.after, limit=page.limit
        )
    page.shows([profile.id for profile in found])
    return [ActivationBody.of(profile, for_ops=True) for profile in found]


@router.get(
    "/{order_id:id}",
    responses=problems.responses(401, 403, 404, 422, 503),
)
async def get_activation_detail(
    order_id: PathId, _: OpsRead, shared: Shared
) -> ActivationDetailBody:
    """Show one activation, with what Temporal alone knows of it if it answers at once."""
    profile = await _profile(shared, order_id)
    return ActivationDetailBody(
        **ActivationBody.of(profile, for_ops=True).model_dump(),
        user_id=profile.user_id,
        engine=await _engine_state(shared, order_id),
    )


@router.post("/{order_id:id}/retry", status_code=202, responses=_INTERVENTION)
async def retry_activation(
    order_id: PathId, body: RetryRequest, caller: OpsAct, shared: Shared
) -> ActivationBody:
    """Make a waiting activation try again now, if need be at another provider."""
    request = intervention(caller.email, body.reason, body.provider)
    profile = await operations.retry(shared.engine, shared.activations, order_id, request)
    return ActivationBody.of(profile, for_ops=True)


@router.post("/{order_id:id}/cancel", status_code=202, responses=_INTERVENTION)
async def cancel_activation(
    order_id: PathId, body: CancelRequest, caller: OpsAct, shared: Shared
) -> CancelledBody:
    """End an activation whose eSIM is not assigned yet. Repeating it changes nothing.

    Of an order that is over, or has its eSIM, a purchase that is still open is settled, as its own
    run would have done unless it was terminated; the order stays as it is.
    """
    request = intervention(caller.email, body.reason)
    done = await operations.cancel(shared.engine, shared.activations, order_id, request)
    shown = ActivationBody.of(done.profile, for_ops=True)
    return CancelledBody(**shown.model_dump(), settling_at=done.settling_at)


async def _profile(shared: Resources, order_id: int) -> Profile:
    async with transaction(shared.engine) as connection:
        profile = await profiles.find(connection, order_id)
    if profile is None:
        raise OrderNotFound("Order not found")
    return profile


async def _engine_state(shared: Resources, order_id: int) -> EngineBody | None:
    try:
        state = await answered(
            shared.activations.state(order_id), deadline_seconds=_STATE_DEADLINE_SECONDS
        )
    except EngineUnavailable:
        return None
    if state is None:
        return None
    return EngineBody(step=state.step, provider=state.provider, next_round_at=state.next_round_at)
