"""`esimctl retry` and `esimctl cancel`: a person steers activations."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.actor import ActorOption, operating_user
from cli.backends import activations, postgres
from cli.terminal import note, say
from db.rows import LARGEST_ID
from domain.errors import (
    EngineUnavailable,
    EsimError,
    InvalidInput,
    StorageFault,
    StorageUnavailable,
    UnknownProvider,
)
from domain.profile import OPEN
from operations import activations as deeds
from operations.activations import Cancelled, intervention
from operations.counting import counted
from workflows.client import Activations

RETRY_EXAMPLE = 'Example: esimctl retry 42 43 --reason "provider is back" --provider LOCAL'
CANCEL_EXAMPLE = 'Example: esimctl cancel 42 --reason "customer asked for a refund"'

OrdersArgument = Annotated[
    list[int], typer.Argument(min=1, max=LARGEST_ID, help="Order ids.", metavar="ORDER...")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]

_Deed = Callable[[AsyncEngine, Activations, int], Awaitable[str]]


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
    request = intervention(actor, reason, provider)

    async def act(engine: AsyncEngine, known: Activations, order_id: int) -> str:
        """Retry one order."""
        await deeds.retry(engine, known, order_id, request)
        return "trying again."

    asyncio.run(_steer(orders, act))


def cancel(
    orders: OrdersArgument, reason: ReasonOption, actor: ActorOption = operating_user()
) -> None:
    """End activations whose customer has no eSIM yet.

    Of an order that has ended or has its eSIM, only a purchase that is still open is settled.
    """
    request = intervention(actor, reason)

    async def act(engine: AsyncEngine, known: Activations, order_id: int) -> str:
        """Cancel one order, and say what came of it."""
        return _outcome(await deeds.cancel(engine, known, order_id, request))

    asyncio.run(_steer(orders, act))


async def _steer(orders: list[int], act: _Deed) -> None:
    """Treat one order after another, with a line for each; fail at the end if any failed."""
    order_ids = list(dict.fromkeys(orders))
    known = await activations()
    async with postgres() as engine:
        failed = [each for each in order_ids if not await _is_done(engine, known, each, act)]
    if failed:
        raise InvalidInput(
            f"Left as {'it was' if len(failed) == 1 else 'they were'}:"
            f" {len(failed)} of {counted(len(order_ids), 'order')}."
            " Look at one: esimctl status ORDER"
        )


async def _is_done(engine: AsyncEngine, known: Activations, order_id: int, act: _Deed) -> bool:
    """Treat one order, say how that went, and tell whether it went well."""
    try:
        say(f"Order {order_id}: {await act(engine, known, order_id)}")
    except EngineUnavailable as error:  # it would be the same for the others, and take as long
        raise EngineUnavailable(
            f"Order {order_id}: {error.message} Orders after it were not asked."
        ) from None
    except (StorageUnavailable, StorageFault, UnknownProvider):
        raise
    except EsimError as error:
        note(f"Order {order_id}: {error.message}", style="red")
        return False
    return True


def _outcome(done: Cancelled) -> str:
    status = done.profile.status
    if done.settling_at:
        came_to = "cancellation requested" if status in OPEN else f"the eSIM stays {status}"
        return f"{came_to}; its purchase at {done.settling_at} is being settled."
    return "is cancelled already." if done.was_cancelled else "cancellation requested."
