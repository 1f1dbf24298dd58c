"""After the purchase: making its code work once it is committed, or giving it back unused."""

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from activities.purchase.gate import ProviderGate
from activities.purchase.record import record
from db import purchases, stock
from db.engine import transaction
from db.purchases import Purchase
from domain.errors import ProviderRefused
from domain.event import EventKind
from domain.provider import Bought, EsimProvider


class Returns:
    """Enabling and returning, each a call to the provider and then one transaction."""

    def __init__(self, engine: AsyncEngine, gate: ProviderGate) -> None:
        self._engine = engine
        self._gate = gate

    async def enable(self, purchase: Purchase, provider: EsimProvider) -> None:
        """Make a committed purchase installable. Idempotent.

        Raises:
            ProviderError: it does not work yet; the profile must not be handed out.
        """
        if purchase.released_at is not None:
            return
        async with transaction(self._engine) as connection:
            bought = await _bought(connection, purchase)
        await self._gate.through(provider, lambda: provider.enable(bought))
        async with transaction(self._engine) as connection:
            await purchases.mark_enabled(connection, purchase)
            await record(connection, purchase, EventKind.PURCHASE_RELEASED)

    async def give_back(self, order_id: int, provider: EsimProvider) -> bool:
        """Return the order's purchase if nobody has seen it and the provider takes it. Idempotent.

        True if nothing is left to give back, refused included.

        Raises:
            ProviderUnavailable, ProviderOutcomeUnknown: ask again later.
        """
        async with transaction(self._engine) as connection:
            purchase = await purchases.unwanted_for(connection, order_id)
            if purchase is None or purchase.provider != provider.name:
                return True
            bought = await _bought(connection, purchase)
        refusal = await self._cancel(bought, provider)
        async with transaction(self._engine) as connection:
            await purchases.mark_returned(connection, purchase, refusal=refusal)
            if refusal is None and purchase.inventory_item_id is not None:
                await stock.give_up_iccid(connection, purchase.inventory_item_id)
                await record(connection, purchase, EventKind.PURCHASE_RETURNED)
        return True

    async def _cancel(self, bought: Bought, provider: EsimProvider) -> str | None:
        """Cancel at the provider; return None if it is undone, else why it is not."""
        if not provider.traits.returnable:
            return f"{provider.name} takes nothing back."
        try:
            undone = await self._gate.through(provider, lambda: provider.cancel(bought))
        except ProviderRefused as error:
            return error.message
        return None if undone else f"{provider.name} does not take it back."


async def _bought(connection: AsyncConnection, purchase: Purchase) -> Bought:
    iccid = None
    if purchase.inventory_item_id is not None:
        iccid = await stock.iccid_of(connection, purchase.inventory_item_id)
    return Bought(purchase.reference, purchase.provider_order_id, iccid)
