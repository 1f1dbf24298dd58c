"""Who an order's profile is bought from: the plan's providers, in order."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity

from db import catalogue, profiles, purchases, returns
from db.engine import transaction
from db.profiles import Profile
from domain.errors import OrderNotFound
from domain.provider import chosen_seller, provider_name


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """An order that looks for another provider, and those it has asked in this round."""

    order_id: int
    tried: list[str]


class Routes:
    """Knows in which order this deployment's providers are asked for a plan."""

    def __init__(self, default_provider: str, providers: Collection[str]) -> None:
        self._default = default_provider
        self._providers = frozenset(providers)

    async def first(self, connection: AsyncConnection, profile: Profile, chosen: str | None) -> str:
        """Name the provider to ask first.

        Where a purchase was begun its provider is asked again, whoever was chosen since.
        """
        earlier = await purchases.open_for(connection, profile.order_id)
        held = await purchases.bought_for(connection, profile.order_id)
        begun = earlier or held
        if begun is not None:
            return begun.provider
        return provider_name(chosen) if chosen else (await self.of(connection, profile))[0]

    async def of(self, connection: AsyncConnection, profile: Profile) -> list[str]:
        """List the plan's providers that this deployment has, in order; never empty.

        Among equal priorities the default goes first. A plan without a known one is asked of the
        default, by the plan's own `external_id`.
        """
        sellers = [
            (priority, name != self._default, name)
            for name, priority in await catalogue.route(connection, profile.plan_id)
            if name in self._providers
        ]
        return [name for _, _, name in sorted(sellers)] or [self._default]

    def has(self, name: str) -> bool:
        """Tell whether this deployment buys from a provider."""
        return name in self._providers

    def check(self, name: str) -> None:
        """Refuse a provider that this deployment does not have.

        Blanks around its name and its case do not matter.

        Raises:
            UnknownProvider: names those that it has.
        """
        chosen_seller(name, self._providers)


class RoutingActivities:
    """Finds where an order goes on: at the next provider, or where its purchase was left open."""

    def __init__(self, engine: AsyncEngine, routes: Routes) -> None:
        self._engine = engine
        self._routes = routes

    @activity.defn(name="choose_provider")
    async def choose_provider(self, request: RouteRequest) -> str | None:
        """Name the plan's next provider that was not asked; None if there is none.

        None too while a purchase of the order is open anywhere, or was made: nobody else may be
        asked then. Reads only.

        Raises:
            OrderNotFound, StorageUnavailable.
        """
        async with transaction(self._engine) as connection:
            begun = await purchases.open_for(connection, request.order_id)
            if begun or await purchases.bought_for(connection, request.order_id):
                return None
            profile = await profiles.find(connection, request.order_id)
            if profile is None:
                raise OrderNotFound("Order not found.")
            route = await self._routes.of(connection, profile)
        return next((name for name in route if name not in request.tried), None)

    @activity.defn(name="check_provider")
    async def check_provider(self, name: str) -> None:
        """Refuse a provider that this deployment does not have, before a retry begins with it.

        Raises:
            UnknownProvider: names those that it has.
        """
        self._routes.check(name)

    @activity.defn(name="find_unsettled")
    async def find_unsettled(self, order_id: int) -> str | None:
        """Name the provider with an ended order's purchase that is to be settled or given back.

        None if there is no such purchase, or if this deployment does not have its provider: then
        people settle it. Reads only.
        """
        async with transaction(self._engine) as connection:
            begun = await returns.unsettled_for(connection, order_id)
        if begun is None or not self._routes.has(begun.provider):
            return None
        return begun.provider
