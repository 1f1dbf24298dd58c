"""Pausing, resuming and watching providers, and which of them may be named."""

from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import provider_controls, provider_views
from db.engine import transaction
from db.provider_views import ProviderView
from domain.errors import StorageUnavailable, UnknownProvider
from domain.provider import chosen_seller, provider_name
from operations.attribution import attributed
from operations.counting import counted
from operations.waking import WAITING_AT_MOST, wake
from workflows.client import Activations
from workflows.messages import Intervention

log = structlog.get_logger(__name__)

_NO_WORKER = "No worker has said yet what it can buy from: start one."


@dataclass(frozen=True, slots=True)
class Resumed:
    """What came of letting a provider be called again.

    Attributes:
        view: the provider as it is now.
        waiting: orders that wait for it, as far as they were looked at.
        woken: those of them that were asked to try again.
    """

    view: ProviderView
    waiting: int
    woken: int

    @property
    def next_step(self) -> str:
        """Say what is left to do, in words for a person."""
        if self.woken < self.waiting:
            waiting = counted(self.waiting, "order that waits", "orders that wait")
            return (
                f"Temporal does not answer. Asked to try again: {self.woken} of {waiting} for it."
                " The others do so by themselves."
            )
        if self.waiting == WAITING_AT_MOST:
            return (
                f"The {self.waiting} that wait longest were asked; the others try again by"
                " themselves."
            )
        return "Nothing: it may be called again."


async def overview(engine: AsyncEngine) -> list[ProviderView]:
    """List every provider that the worker offers, has a gate, sells a plan or was bought from."""
    async with transaction(engine) as connection:
        return await provider_views.overview(connection)


async def pause(engine: AsyncEngine, provider: str, actor: str, reason: str) -> ProviderView:
    """Keep a provider from being called, by the whole fleet, until it is resumed.

    Repeating it updates who and why. Stock and other providers go on; purchases that were sent
    already are not taken back.

    Raises:
        InvalidInput: a blank actor or reason.
        UnknownProvider: names those there are.
    """
    by, why = attributed(actor, reason)
    async with transaction(engine) as connection:
        name = await check_known(connection, provider)
        await provider_controls.pause(connection, name, by, why)
        view = await provider_views.one(connection, name)
    log.warning("provider_paused", provider=name, actor=by, reason=why)
    return view


async def resume(
    engine: AsyncEngine, activations: Activations, provider: str, actor: str, reason: str
) -> Resumed:
    """Let a provider be called again, forget its failures, and wake the orders that wait for it.

    Credentials that it has refused are tried again. A wait that the provider itself asked for
    (`blocked_until`) is still kept. The provider is resumed even if Temporal is away: then orders
    try again by themselves.

    Raises:
        InvalidInput: a blank actor or reason.
        UnknownProvider: names those there are.
    """
    by, why = attributed(actor, reason)
    async with transaction(engine) as connection:
        name = await check_known(connection, provider)
        await provider_controls.resume(connection, name)
        view = await provider_views.one(connection, name)
        waiting = await provider_controls.waiting_for(connection, name, limit=WAITING_AT_MOST)
    log.warning("provider_resumed", provider=name, actor=by, reason=why)
    said = Intervention(by, f"{name} is resumed: {why}")
    return Resumed(view, len(waiting), await wake(activations, waiting, said))


async def wake_waiting(engine: AsyncEngine, activations: Activations, provider: str) -> None:
    """Ask those whom a provider has refused for our credentials to try again: it accepts them now.

    Raises nothing: orders that are not asked try again by themselves.
    """
    try:
        async with transaction(engine) as connection:
            waiting = await provider_controls.waiting_for_credentials(
                connection, provider, limit=WAITING_AT_MOST
            )
    except StorageUnavailable:
        log.warning("waiting_orders_not_woken", provider=provider)
        return
    said = Intervention("worker", f"{provider} accepts our credentials again")
    woken = await wake(activations, waiting, said)
    log.info("waiting_orders_woken", provider=provider, waiting=len(waiting), woken=woken)


async def check_offered(connection: AsyncConnection, provider: str) -> str:
    """Return the name of a provider that this deployment's worker can buy from.

    Blanks around it and its case do not matter.

    Raises:
        UnknownProvider: names those there are.
    """
    there = await provider_controls.offered(connection)
    if not there:
        raise UnknownProvider(f"There is no provider to buy from here (--provider). {_NO_WORKER}")
    return chosen_seller(provider, there)


async def check_known(connection: AsyncConnection, provider: str) -> str:
    """Return the name of a provider that the worker offers, or that ever had to do with an order.

    An empty answer to a misspelt name would look like good news.

    Raises:
        UnknownProvider: names those there are.
    """
    name, there = provider_name(provider), sorted(await provider_controls.names(connection))
    if name in there:
        return name
    if not there:
        raise UnknownProvider(f"There is no such provider. {_NO_WORKER}")
    raise UnknownProvider(f"There is no such provider; there is: {', '.join(there)}.")
