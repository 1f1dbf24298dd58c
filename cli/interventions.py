"""`esimctl retry` and `esimctl cancel`: a person steers activations."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.actor import ActorOption, operating_user
from cli.backends import activations, postgres
from cli.terminal import note, say
from db import profiles, purchases
from db.engine import transaction
from db.profiles import Profile
from db.purchases import Purchase
from domain.errors import EngineUnavailable, EsimError, InvalidInput, NotWaiting, OrderNotFound
from domain.interventions import check_retry
from domain.profile import OPEN, ProfileStatus
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


@dataclass(frozen=True, slots=True)
class _Order:
    """An order, and its purchase that is still to be settled, if there is one."""

    profile: Profile
    unsettled: Purchase | None


_Act = Callable[[Activations, _Order], Awaitable[str]]


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
    asyncio.run(_steer(orders, lambda known, order: _retry(known, order, request)))


def cancel(
    orders: OrdersArgument, reason: ReasonOption, actor: ActorOption = operating_user()
) -> None:
    """End activations whose customer has no eSIM yet.

    Of an order that has ended or has its eSIM, only a purchase that is still open is settled.
    """
    request = _request(actor, reason)
    asyncio.run(_steer(orders, lambda known, order: _cancel(known, order, request)))


def _request(actor: str, reason: str, provider: str | None = None) -> Intervention:
    if not reason.strip() or not actor.strip():
        raise InvalidInput("--reason and --actor must not be blank: the audit trail keeps them.")
    return Intervention(actor.strip(), reason.strip(), provider)


async def _steer(orders: list[int], act: _Act) -> None:
    """One order after another; a line for each, and a failure at the end if any failed."""
    order_ids = list(dict.fromkeys(orders))
    async with postgres() as engine:
        found = [await _order(engine, order_id) for order_id in order_ids]
    known = await activations() if any(found) else None
    failed = 0
    for order_id, order in zip(order_ids, found, strict=True):
        try:
            if known is None or order is None:
                raise OrderNotFound("there is no such order.")
            say(f"Order {order_id}: {await act(known, order)}")
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


async def _order(engine: AsyncEngine, order_id: int) -> _Order | None:
    """An order with its profile, made if it has none yet; None if there is no such order."""
    try:
        async with transaction(engine) as connection:
            await profiles.ensure(connection, order_id)
            profile = await profiles.find(connection, order_id)
            unsettled = await purchases.unsettled_for(connection, order_id)
    except OrderNotFound:
        return None
    return _Order(profile, unsettled) if profile else None


async def _retry(known: Activations, order: _Order, request: Intervention) -> str:
    profile = order.profile
    check_retry(profile.order_status, profile.status)
    await _answered(known.retry(profile.order_id, request))
    return "trying again."


async def _cancel(known: Activations, order: _Order, request: Intervention) -> str:
    if order.profile.status not in OPEN:
        return await _settle(known, order, request)
    if await _answered(known.cancel(order.profile.order_id, request)) is Started.ENDED:
        raise NotWaiting("the activation has ended already.")
    return "cancellation requested."


async def _settle(known: Activations, order: _Order, request: Intervention) -> str:
    """What a cancel can still do for an order that is over: its run may have been terminated."""
    order_id, status, purchase = order.profile.order_id, order.profile.status, order.unsettled
    if purchase is None and status is ProfileStatus.CANCELLED:
        return "is cancelled already."
    if purchase is None:
        raise NotWaiting(f"the eSIM is {status}: it is too late to cancel.")
    if await _answered(known.cancel(order_id, request)) is Started.ENDED:
        raise NotWaiting(
            f"the eSIM is {status}, and its purchase at {purchase.provider} is left to a person:"
            f" esimctl status {order_id}"
        )
    return f"the eSIM stays {status}; its purchase at {purchase.provider} is being settled."


async def _answered(call: Coroutine[Any, Any, T]) -> T:
    """The answer, if a worker gives one in time; a parked request is not taken back."""
    asking = asyncio.ensure_future(call)
    done, _ = await asyncio.wait({asking}, timeout=_ANSWER_SECONDS)
    if not done:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        raise EngineUnavailable("no worker answered; the request may still be carried out.")
    return asking.result()
