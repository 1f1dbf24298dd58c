"""Keeping what was bought: an item RESERVED for its order, or put aside if that was served."""

from collections.abc import Set as AbstractSet

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from activities.let_go import release_held
from activities.origin import origin
from db import events, profiles, purchases, stock
from db.engine import transaction
from db.profiles import Profile
from db.purchases import Purchase
from db.stock import BoughtItem
from domain.event import EventKind
from domain.profile import ENDED, READY, ProfileStatus
from domain.provider import ProvisionedEsim
from domain.purchase import Rule


class BoughtItems:
    """Stores what providers sold, each in one transaction with its audit event."""

    def __init__(
        self,
        engine: AsyncEngine,
        resellable: AbstractSet[str],
        unique_iccids: AbstractSet[str] = frozenset(),
    ) -> None:
        self._engine = engine
        self._resellable = resellable
        self._unique_iccids = unique_iccids

    async def keep(self, purchase: Purchase, sale: Rule, esim: ProvisionedEsim) -> int | None:
        """Store what a purchase gave, and move it as the rule of a sale says. Idempotent.

        Returns the item's id if its order is RESERVED with it now; None if whoever hands it over
        must look first: the order was served otherwise, is over, or waits for a person.

        Raises:
            DuplicateStock: another item has the code, the provider's name of the sale, or an ICCID
                that is no other sale's.
            StorageFault: Postgres refuses to store it.
            StorageUnavailable.
        """
        async with transaction(self._engine) as connection:
            profile = await profiles.lock(connection, purchase.order_id)
            # The answer to an earlier commit may have been lost, and not the commit itself.
            done = await purchases.bought_for(connection, purchase.order_id)
            if done is not None and done.id == purchase.id:
                return None
            served = await _is_served(connection, profile)
            state, kind = sale.written()
            bought = self._bought(profile, purchase, esim)
            item_id = await self._add(connection, bought, served=served)
            await purchases.close(
                connection, purchase, state, reply=esim.reply, inventory_item_id=item_id
            )
            waits = not served and profile.status is ProfileStatus.PENDING_ACTIVATION
            await _tell(connection, profile, purchase, kind, item_id, waits=waits)
            # A parked order waits for its next round with the item held; an ended one holds none.
            if not served and profile.status in ENDED:
                await release_held(
                    connection,
                    profile,
                    reason="the activation had ended",
                    ending=True,
                    resellable=self._resellable,
                )
            return item_id if waits else None

    def _bought(self, profile: Profile, purchase: Purchase, esim: ProvisionedEsim) -> BoughtItem:
        return BoughtItem(
            order_id=purchase.order_id,
            plan_id=profile.plan_id,
            carrier_id=profile.carrier_id,
            country_id=profile.country_id,
            provider=purchase.provider,
            provider_reference=esim.reference,
            iccid=esim.iccid,
            activation_code=esim.activation_code,
            qr_payload=esim.qr_payload,
            instructions=esim.instructions,
            confirmation_code=esim.confirmation_code,
            expires_at=esim.expires_at,
            iccid_scope=0 if purchase.provider in self._unique_iccids else purchase.id,
            sale_id=esim.sale_id,
        )

    async def _add(self, connection: AsyncConnection, bought: BoughtItem, *, served: bool) -> int:
        if not served:
            return await stock.add_bought(connection, bought)
        resell = bought.provider in self._resellable
        return await stock.add_unwanted(connection, bought, resell=resell)


async def _is_served(connection: AsyncConnection, profile: Profile) -> bool:
    """Tell whether the order got an item elsewhere, as from stock while the purchase was in doubt.

    One that was retired by hand since then still has the order's name.
    """
    if await stock.held_by(connection, profile.order_id) is not None:
        return True
    over = profile.status in ENDED | READY
    return over and await stock.names_order(connection, profile.order_id)


async def _tell(
    connection: AsyncConnection,
    profile: Profile,
    purchase: Purchase,
    kind: EventKind,
    item_id: int,
    *,
    waits: bool,
) -> None:
    """Record the purchase; an order that waits for it is RESERVED with it."""
    payload = {"provider": purchase.provider, "reference": purchase.reference, "item_id": item_id}
    if waits:
        await profiles.move(
            connection,
            profile,
            ProfileStatus.RESERVED,
            kind,
            origin(),
            payload=payload,
            inventory_item_id=item_id,
        )
    else:
        await events.append(connection, purchase.order_id, kind, origin(), payload=payload)
