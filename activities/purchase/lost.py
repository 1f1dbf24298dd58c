"""Finds out, after a restore, who may have sold an order what the database has lost."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from db import catalogue, purchases, restores
from db.profiles import Profile
from domain.profile import OPEN
from domain.provider import EsimProvider
from domain.purchase import Ambiguity
from domain.restore import Sellers


class LostPurchases:
    """Knows which providers of this deployment could have sold an order something."""

    def __init__(self, providers: Mapping[str, EsimProvider]) -> None:
        self._providers = providers

    async def seller_to_ask(self, connection: AsyncConnection, profile: Profile) -> str | None:
        """Name who must be asked next, or goes on being asked; None if nobody is left.

        Until then the order gets nothing from stock and nothing new: it may have its eSIM.
        """
        if profile.restored_at is None or profile.status not in OPEN:
            return None
        begun = await purchases.open_for(connection, profile.order_id)
        if begun is not None:
            return begun.provider
        if await purchases.bought_for(connection, profile.order_id) is not None:
            return None
        return next(iter((await self._sellers(connection, profile)).unasked), None)

    async def needs_a_person(
        self, connection: AsyncConnection, profile: Profile, seller: str
    ) -> bool:
        """Tell whether only a person can ask this seller: asking could be a second purchase."""
        if profile.restored_at is None:
            return False
        return (await self._sellers(connection, profile)).needs_a_person(seller)

    async def _sellers(self, connection: AsyncConnection, profile: Profile) -> Sellers:
        route = [name for name, _ in await catalogue.route(connection, profile.plan_id)]
        sellers = [name for name in route if name in self._providers]
        # A person may have chosen any that sells the plan by its `external_id`, route or not.
        anywhere = self._providers if profile.plan_snapshot.get("external_id") else ()
        chosen = [
            name
            for name in anywhere
            if name not in sellers and (not sellers or self._can_be_asked_freely(name))
        ]
        # The route's own come last, for the last one that is asked may sell.
        modes = {name: self._providers[name].traits.ambiguity for name in [*chosen, *sellers]}
        return Sellers(modes, await restores.asked_since(connection, profile))

    def _can_be_asked_freely(self, name: str) -> bool:
        """Tell whether a question costs neither a purchase nor a person's time."""
        return self._providers[name].traits.ambiguity is Ambiguity.LOOKUP
