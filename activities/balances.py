"""Asking prepaid providers now and then what is left, so that ops see an empty account coming."""

import asyncio
from collections.abc import Iterable

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.purchase.gate import ProviderGate
from db import gates
from db.engine import transaction
from domain.errors import ProviderError, StorageUnavailable
from domain.provider import Balance, EsimProvider

INTERVAL_SECONDS = 60.0
"""How often a process looks whether it is anybody's turn; the fleet asks once in ten minutes."""

log = structlog.get_logger(__name__)


class BalanceWatch:
    """Keeps `provider_gates.balance` fresh. Nothing depends on it: a failure is only logged."""

    def __init__(
        self, engine: AsyncEngine, gate: ProviderGate, providers: Iterable[EsimProvider]
    ) -> None:
        self._engine = engine
        self._gate = gate
        self._providers = tuple(providers)

    async def run(self) -> None:
        """Ask for as long as the process runs, whatever goes wrong at one of them."""
        while True:
            for provider in self._providers:
                await self._ask_whatever_happens(provider)
            await asyncio.sleep(INTERVAL_SECONDS)

    async def ask(self, provider: EsimProvider) -> Balance | None:
        """Ask what is left at a provider, and keep it for ops; a failure is only logged.

        None if it is not our turn to ask, or if nobody tells.
        """
        try:
            async with transaction(self._engine) as connection:
                await self._gate.peek(connection, provider)
                if not await gates.claim_balance(connection, provider.name):
                    return None
            balance = await provider.balance()
            if balance is not None:
                async with transaction(self._engine) as connection:
                    await gates.note_balance(connection, provider.name, balance)
        except (ProviderError, StorageUnavailable) as error:
            log.warning("balance_not_known", provider=provider.name, code=error.code)
            return None
        return balance

    async def _ask_whatever_happens(self, provider: EsimProvider) -> None:
        try:
            await self.ask(provider)
        except Exception as error:  # noqa: BLE001 - nobody awaits the watch: it would end unseen
            # The class alone: the text may quote a reply or a key.
            fault = type(error).__name__
            log.error("balance_watch_failed", provider=provider.name, error=fault)  # noqa: TRY400
