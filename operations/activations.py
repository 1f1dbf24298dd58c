"""Retrying and cancelling one activation, for the API and the command line alike."""

import asyncio
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncEngine

from db import events, profiles, returns
from db.engine import transaction
from db.own_codes import as_note_of
from db.profiles import Profile
from db.purchases import Purchase
from domain.errors import AlreadyAssigned, NotWaiting, OrderNotFound
from domain.event import EventKind, Origin
from domain.order import OrderStatus
from domain.profile import OPEN, READY, ProfileStatus
from domain.redaction import as_note
from operations.attribution import attributed
from operations.deadline import answered
from operations.providers import check_offered
from operations.restore import begin_anew
from workflows.client import Activations, Started
from workflows.messages import Intervention

_HEARD_WITHIN_SECONDS = 2.0
_LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What asking for a cancellation came to.

    Attributes:
        profile: as it stands now; the workflow moves it.
        was_cancelled: it had been cancelled before.
        settling_at: the provider at which its purchase is still being settled.
    """

    profile: Profile
    was_cancelled: bool
    settling_at: str | None = None


def intervention(actor: str, reason: str, provider: str | None = None) -> Intervention:
    """Put a person's wish in the form that an activation hears. An empty provider names none.

    Raises:
        InvalidInput: a blank actor or reason.
    """
    return Intervention(*attributed(actor, reason), provider or None)


def check_retry(order_status: OrderStatus, status: ProfileStatus) -> None:
    """Refuse a retry that could not lead to an eSIM, before anything is started for it.

    A reserved eSIM passes: its run may have been terminated. If it runs, the workflow refuses.

    Raises:
        NotWaiting: the eSIM is there or has ended, or the order is not paid; with the reason.
    """
    if status not in OPEN:
        raise NotWaiting(f"The eSIM is {status}: there is nothing to retry.")
    if order_status is not OrderStatus.PAID:
        raise NotWaiting(f"The order is {order_status}: only a paid one is activated.")


async def retry(
    engine: AsyncEngine, activations: Activations, order_id: int, request: Intervention
) -> Profile:
    """Make a waiting activation try again now, and return its profile as it is afterwards.

    Raises:
        UnknownProvider: the provider that the request names cannot be bought from here.
        OrderNotFound: there is no such order.
        NotWaiting: it does not wait for a retry, with the reason.
        EngineUnavailable: Temporal or every worker is away; the request may still be carried out.
    """
    if request.provider is not None:
        async with transaction(engine) as connection:
            provider = await check_offered(connection, request.provider)
        request = Intervention(request.actor, request.reason, provider)
    profile, _ = await _look(engine, order_id)
    check_retry(profile.order_status, profile.status)
    request = await _without_codes(engine, order_id, request)
    if not await answered(activations.retry(order_id, request)):
        await _start_again(engine, activations, order_id, request)
    return (await _look(engine, order_id))[0]


async def _start_again(
    engine: AsyncEngine, activations: Activations, order_id: int, request: Intervention
) -> None:
    """Begin a new run, because none is there to be asked; the trail says who wanted it, and why.

    The event comes first: no run may begin in nobody's name. A repetition adds another one.

    Raises:
        NotWaiting: the order's run has finished, and is not repeated.
    """
    async with transaction(engine) as connection:
        await profiles.lock(connection, order_id)
        await events.append(
            connection,
            order_id,
            EventKind.RETRY_REQUESTED,
            Origin(as_note(request.actor)),
            payload={"reason": request.reason, "door": activations.door},
        )
    if await begin_anew(engine, activations, order_id, request.provider) is Started.RUNNING:
        return
    if await answered(activations.restart(order_id, request.provider)) is Started.ENDED:
        raise NotWaiting("The activation has ended.")


async def cancel(
    engine: AsyncEngine, activations: Activations, order_id: int, request: Intervention
) -> Cancelled:
    """End an activation whose customer has no eSIM yet. Repeating it changes nothing.

    Of an order that is over, or has its eSIM, a purchase that is still open is settled, as its own
    run would have done unless it was terminated; the order stays as it is.

    Raises:
        OrderNotFound: there is no such order.
        AlreadyAssigned: the customer has the eSIM, and no purchase is left to settle; or got it
            in the very moment in which this came.
        NotWaiting: nothing runs that could be cancelled, or it is cancelled and its finished run
            has left a purchase to a person.
        EngineUnavailable: Temporal is away; the request may still be carried out.
    """
    before, purchase = await _look(engine, order_id)
    request = await _without_codes(engine, order_id, request)
    if before.status not in OPEN and purchase is None:
        return await _over(activations, before, request)
    if await answered(activations.cancel(order_id, request)) is Started.ENDED:
        return await _ended(engine, order_id)
    profile = await _heard(engine, activations, before)
    was_cancelled = before.status is ProfileStatus.CANCELLED
    return Cancelled(profile, was_cancelled, purchase.provider if purchase else None)


async def _heard(engine: AsyncEngine, activations: Activations, before: Profile) -> Profile:
    """Look until an activation has acted on a cancel, or has heard it in the midst of a call.

    In the midst of a call it is carried out afterwards: nothing is assigned before.

    Raises:
        AlreadyAssigned: it came too late.
        EngineUnavailable: no worker has heard it yet; it may still be carried out.
    """
    profile, _ = await _look(engine, before.order_id)
    patience = int(_HEARD_WITHIN_SECONDS / _LOOK_EVERY_SECONDS)
    while profile.status in OPEN and patience:
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
        profile, _ = await _look(engine, before.order_id)
        patience -= 1
    if profile.status in OPEN:
        state = activations.state(before.order_id)
        await answered(state, deadline_seconds=_HEARD_WITHIN_SECONDS)
    if before.status in OPEN and profile.status in READY:
        raise AlreadyAssigned(f"The eSIM is {profile.status} by now: it was too late to cancel.")
    return profile


async def _over(activations: Activations, profile: Profile, request: Intervention) -> Cancelled:
    """Answer for an order that is over and owes nothing: a repeated cancellation is no fault."""
    if profile.status is not ProfileStatus.CANCELLED:
        raise AlreadyAssigned(f"The eSIM is {profile.status} already: it is too late to cancel.")
    # A run that was terminated half-way may have left a reservation: asking again frees it.
    await answered(activations.cancel(profile.order_id, request))
    return Cancelled(profile, was_cancelled=True)


async def _ended(engine: AsyncEngine, order_id: int) -> Cancelled:
    """Answer for an order whose run has finished: what it left open is a person's task."""
    profile, purchase = await _look(engine, order_id)
    if profile.status in OPEN:
        raise NotWaiting(
            "The activation has ended already: nothing runs that could be cancelled. If a backup"
            f" was restored, begin it anew first: esimctl retry {order_id}"
        )
    cancelled = profile.status is ProfileStatus.CANCELLED
    if cancelled and purchase is None:
        return Cancelled(profile, was_cancelled=True)
    refusal = f"The eSIM is {profile.status} already."
    if purchase is not None:
        left = f"Its purchase at {purchase.provider} is left to a person"
        refusal = f"{refusal} {left}: esimctl status {order_id}"
    raise NotWaiting(refusal) if cancelled else AlreadyAssigned(refusal)


async def _without_codes(engine: AsyncEngine, order_id: int, request: Intervention) -> Intervention:
    """Withhold the order's own codes before Temporal keeps the request in a history."""
    async with transaction(engine) as connection:
        return replace(request, reason=await as_note_of(connection, order_id, request.reason))


async def _look(engine: AsyncEngine, order_id: int) -> tuple[Profile, Purchase | None]:
    """Read an order's profile and its purchase that is still to be settled.

    An order that was written by hand gets its profile here.

    Raises:
        OrderNotFound: there is no such order.
    """
    async with transaction(engine) as connection:
        profile = await profiles.find(connection, order_id)
        if profile is None:
            await profiles.ensure(connection, order_id)
            profile = await profiles.find(connection, order_id)
        if profile is None:
            raise OrderNotFound("Order not found")
        return profile, await returns.unsettled_for(connection, order_id)
