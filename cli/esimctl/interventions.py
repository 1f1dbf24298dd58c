"""`esimctl retry` and `esimctl cancel`: a person steers activations."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.esimctl.actor import ActorOption, operating_user
from cli.esimctl.backends import activations, postgres
from cli.esimctl.terminal import note, say
from db import profiles
from db.engine import transaction
from db.profiles import Profile
from domain.errors import (
    EngineUnavailable,
    EsimError,
    InvalidInput,
    NotWaiting,
    OrderNotFound,
)
from domain.interventions import check_retry
from domain.profile_states import OPEN, ProfileStatus
from providers import NAMES
from workflows.client import Activations, Started
from workflows.messages import Intervention

RETRY_EXAMPLE = 'Example: esimctl retry 42 43 --reason "provider is back" --provider LOCAL'
CANCEL_EXAMPLE = 'Example: esimctl cancel 42 --reason "customer asked for a refund"'

T = TypeVar("T")

_ANSWER_SECONDS = 10.0
_LARGEST_ID = 2**63 - 1

_PROVIDERS = NAMES

OrdersArgument = Annotated[
    list[int], typer.Argument(min=1, max=_LARGEST_ID, help="Order ids.", metavar="ORDER...")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]


def retry(
    orders: OrdersArgument,
    reason: ReasonOption,
    actor: ActorOption = operating_user(),
    provider: Annotated[
        str | None,
        typer.Option(help="Buy here instead of along the plan's route (plan_codes)."),
    ] = None,
) -> None:
    """Make waiting activations try again now."""
    if provider not in (None, *_PROVIDERS):
        raise InvalidInput(f"--provider must be one of: {', '.join(_PROVIDERS)}.")
    request = _request(actor, reason, provider)
    asyncio.run(_steer(orders, lambda known, profile: _retry(known, profile, request)))


def cancel(
    orders: OrdersArgument, reason: ReasonOption, actor: ActorOption = operating_user()
) -> None:
    """End activations whose customer has no eSIM yet."""
    request = _request(actor, reason)
    asyncio.run(_steer(orders, lambda known, profile: _cancel(known, profile, request)))


def _request(actor: str, reason: str, provider: str | None = None) -> Intervention:
    if not reason.strip() or not actor.strip():
        raise InvalidInput("--reason and --actor must not be blank: the audit trail keeps them.")
    return Intervention(actor.strip(), reason.strip(), provider)


async def _steer(orders: list[int], act: Callable[[Activations, Profile], Awaitable[str]]) -> None:
    """One order after another; a line for each, and a failure at the end if any failed."""
    order_ids = list(dict.fromkeys(orders))
    async with postgres() as engine:
        found = [await _profile(engine, order_id) for order_id in order_ids]
    known = await activations() if any(found) else None
    failed = 0
    for order_id, profile in zip(order_ids, found, strict=True):
        try:
            if known is None or profile is None:
                raise OrderNotFound("there is no such order.")
            say(f"Order {order_id}: {await act(known, profile)}")
        except EngineUnavailable as error:  # it would be the same for the others, and take as long
            raise EngineUnavailable(
                f"Order {order_id}: {error.message} Orders after it were not asked."
            ) from None
        except EsimError as error:
            failed += 1
            note(f"Order {order_id}: {error.message}", style="red")
    if failed:
        raise InvalidInput(
            f"{failed} of {len(order_ids)} orders were left as they were."
            " Look at one: esimctl status ORDER"
        )


async def _profile(engine: AsyncEngine, order_id: int) -> Profile | None:
    """An order's profile, made if it has none yet; None if there is no such order."""
    try:
        async with transaction(engine) as connection:
            await profiles.ensure(connection, order_id)
            return await profiles.find(connection, order_id)
    except OrderNotFound:
        return None


async def _retry(known: Activations, profile: Profile, request: Intervention) -> str:
    check_retry(profile.order_status, profile.status)
    await _answered(known.retry(profile.order_id, request))
    return "trying again."


async def _cancel(known: Activations, profile: Profile, request: Intervention) -> str:
    if profile.status is ProfileStatus.CANCELLED:
        return "is cancelled already."
    if profile.status not in OPEN:
        raise NotWaiting(f"the eSIM is {profile.status}: it is too late to cancel.")
    if await _answered(known.cancel(profile.order_id, request)) is Started.ENDED:
        raise NotWaiting("the activation has ended already.")
    return "cancellation requested."


async def _answered(call: Coroutine[Any, Any, T]) -> T:
    """The answer, if a worker gives one in time; a parked request is not taken back."""
    asking = asyncio.ensure_future(call)
    done, _ = await asyncio.wait({asking}, timeout=_ANSWER_SECONDS)
    if not done:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        raise EngineUnavailable("no worker answered; the request may still be carried out.")
    return asking.result()
