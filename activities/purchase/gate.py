"""Passing a provider's gate before each call, and telling it how the call ended."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import gates
from db.engine import transaction
from db.spend_guard import Spending
from domain.errors import ProviderError, ProviderHeld, StorageUnavailable
from domain.gate import Change, Health, Hold, HoldReason, SpendLimits, next_step
from domain.provider import EsimProvider

ResultT = TypeVar("ResultT")

Clock = Callable[[], Awaitable[datetime]]
"""The present time, for tests that skip it; the database's clock is used without one."""

Wake = Callable[[str], Awaitable[None]]
"""Wakes whoever waits for a provider, by its name. It raises nothing."""

RATE_PATIENCE_SECONDS = 30.0
"""How long a call waits for its turn before it gives its place up to a later attempt."""

log = structlog.get_logger(__name__)


class ProviderGate:
    """The gates of every provider of this process. Their state is the whole fleet's."""

    def __init__(
        self,
        engine: AsyncEngine,
        allowance: SpendLimits,
        clock: Clock | None = None,
        wake: Wake | None = None,
    ) -> None:
        self._engine = engine
        self._allowance = allowance
        self._clock = clock
        self._wake = wake

    async def now(self) -> datetime | None:
        """Read the test's clock; None stands for the database's."""
        return await self._clock() if self._clock else None

    async def peek(self, connection: AsyncConnection, provider: EsimProvider) -> None:
        """Refuse at once what could not leave anyhow.

        Raises:
            ProviderHeld: says why, and when to ask again.
        """
        hold = await gates.peek(
            connection, provider.name, provider.traits.limits, now=await self.now()
        )
        if hold is not None:
            raise held(provider, hold)

    async def admit_purchase(
        self, connection: AsyncConnection, provider: EsimProvider, *, user_id: int
    ) -> Hold | None:
        """Take the permit for a purchase, in the transaction that marks it sent."""
        hold = await gates.enter(
            connection,
            provider.name,
            provider.traits.limits,
            now=await self.now(),
            spending=Spending(self._allowance, user_id),
        )
        if hold is not None and hold.reason is HoldReason.SPEND:
            log.error("spend_guard_reached", provider=provider.name, user_id=user_id)
        return hold

    async def admit(self, provider: EsimProvider) -> None:
        """Wait for the turn of a call that buys nothing.

        Raises:
            ProviderHeld: it cannot leave soon.
            StorageUnavailable.
        """
        waited = 0.0
        while True:
            async with transaction(self._engine) as connection:
                hold = await gates.enter(
                    connection, provider.name, provider.traits.limits, now=await self.now()
                )
            if hold is None:
                return
            waited = await wait_for_turn(provider, hold, waited)

    async def through(
        self, provider: EsimProvider, call: Callable[[], Awaitable[ResultT]]
    ) -> ResultT:
        """Make a call that buys nothing, and say how it ended.

        Raises:
            ProviderHeld: it cannot leave soon; nothing was sent.
            ProviderError: as the call does.
            StorageUnavailable: nothing was sent.
        """
        await self.admit(provider)
        try:
            answer = await call()
        except ProviderError as error:
            await self.report(provider, error)
            raise
        await self.report(provider, None)
        return answer

    async def report(self, provider: EsimProvider, error: ProviderError | None) -> None:
        """Say how a call ended; None if it was answered.

        Never fails: while the database is away, what the call itself brought matters more.
        """
        try:
            async with transaction(self._engine) as connection:
                change = await gates.report(
                    connection, provider.name, provider.traits.limits, error, now=await self.now()
                )
        except StorageUnavailable:
            log.warning("provider_report_lost", provider=provider.name)
            return
        if change is not None:
            await self._say(provider.name, change)

    async def _say(self, provider: str, change: Change) -> None:
        """Tell people, and the orders that wait, what has changed."""
        if change is Change.OPENED:
            log.error("provider_breaker_opened", provider=provider)
        elif change is Change.CREDENTIALS_REFUSED:
            advice = next_step(Health.CREDENTIALS_REFUSED, provider)
            log.error("provider_credentials_refused", provider=provider, next_step=advice)
        else:
            log.warning("provider_credentials_accepted", provider=provider)
            if self._wake is not None:
                await self._wake(provider)


def held(provider: EsimProvider, hold: Hold) -> ProviderHeld:
    """Make the error of a held call. Nothing was sent."""
    return ProviderHeld(
        f"{provider.name} was not called: {hold.reason}.", retry_after_seconds=hold.seconds
    )


async def wait_for_turn(provider: EsimProvider, hold: Hold, waited: float) -> float:
    """Sit out the rate limit, within reason; returns how long it has been altogether.

    Raises:
        ProviderHeld: it is held for another reason, or would be for too long.
    """
    total = waited + hold.seconds
    if hold.reason is not HoldReason.RATE or total > RATE_PATIENCE_SECONDS:
        raise held(provider, hold)
    await asyncio.sleep(hold.seconds)
    return total
