"""After the purchase: making its code work once it is committed, or giving it back unused."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from activities.purchase.gate import ProviderGate
from activities.purchase.record import record
from activities.purchase.repeating import repeatable
from activities.purchase.returned import note_returned
from db import purchases, returns, stock
from db.engine import transaction
from db.purchases import Purchase
from domain.errors import ProviderRefused
from domain.event import EventKind
from domain.provider import Bought, EsimProvider
from domain.purchase import PurchaseState


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
        await self._gate.through(provider, lambda: self._enable(purchase, bought, provider))
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
            purchase = await returns.unwanted_for(connection, order_id)
            if purchase is None or purchase.provider != provider.name:
                return True
            bought = await _bought(connection, purchase)
        refusal = await self._cancel(bought, provider)
        async with transaction(self._engine) as connection:
            if not await returns.still_unwanted(connection, purchase):
                return True  # another purchase has shown meanwhile that it is given back
            if refusal is None:
                await note_returned(connection, purchase)
            else:
                await returns.mark_returned(connection, purchase, refusal=refusal)
        return True

    async def _enable(self, purchase: Purchase, bought: Bought, provider: EsimProvider) -> None:
        """Ask for it, knowing whether an earlier call may have done it.

        Whoever brought a code may have made it work, too.
        """
        brought = purchase.state is PurchaseState.RESOLVED

        async def enable(repeated: bool) -> None:
            """Ask the provider."""
            await provider.enable(replace(bought, repeated=repeated or brought))

        await repeatable(self._engine, purchase, enable)

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
    names = None
    if purchase.inventory_item_id is not None:
        names = await stock.sold_as(connection, purchase.inventory_item_id)
    return Bought(
        purchase.reference,
        purchase.provider_order_id,
        iccid=names.iccid if names else None,
        sale_id=names.sale_id if names else None,
    )
