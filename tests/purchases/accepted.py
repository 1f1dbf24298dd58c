"""One order that a shop has accepted, and what can be done about it."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from activities.routes import Routes, RoutingActivities
from sandbox.misbehaviours import Misbehaviour
from sandbox.sandbox import Sandbox
from tests.purchases.conftest import Driver
from tests.purchases.scenes import until
from tests.purchases.shops import Shop
from tests.rows import paid_order
from tests.workflows.conftest import Watch

NEVER = 1_000_000
"""Seconds after which an order is delivered that no test waits for."""


class Scene:
    """One order that the shop has accepted, and what can be done about it."""

    def __init__(
        self, engine: AsyncEngine, sandbox: Sandbox, shop: Shop, driver: Driver, watch: Watch
    ) -> None:
        self.engine = engine
        self.sandbox = sandbox
        self.shop = shop
        self.driver = driver
        self.watch = watch
        self.order_id = 0

    @property
    def look_ups(self) -> int:
        """How often the order was asked for."""
        return len(self.sandbox.calls(self.shop.provider, self.shop.lookup))

    async def accepted(self, *, delay: float | None = 0.6) -> None:
        """A new order, accepted; it is delivered after the delay, or never."""
        if delay is None:
            self.sandbox.rule(self.shop.provider, Misbehaviour.ALLOCATION_FAILED)
        else:
            self.sandbox.rule(self.shop.provider, Misbehaviour.ALLOCATION_DELAY, seconds=delay)
        self.order_id = await paid_order(self.engine)
        await self.driver.start(self.order_id)
        await until(self._is_accepted)

    async def delivered(self) -> None:
        """Until the provider has the profile."""
        order = self.sandbox.ledger.orders(self.shop.provider)[-1]

        async def is_ready() -> bool:
            return order.is_ready

        await until(is_ready)

    async def told(self) -> None:
        """The signal that a notification sends."""
        await self.driver.activations.tell_of_purchase(self.order_id)

    async def looked_up(self) -> None:
        """Until the newest purchase was asked for, at our own doing."""
        before = self.look_ups
        await until(self._is_accepted)
        await self.told()

        async def is_asked() -> bool:
            return self.look_ups > before

        await until(is_asked)

    async def timers_fired(self) -> int:
        """How often the activation looked because time had passed."""
        types = await self.watch.history_types(self.order_id)
        return types.count("timer_fired_event_attributes")

    async def intent(self) -> dict[str, Any]:
        """The order's newest purchase."""
        return (await self.driver.intents(self.order_id))[-1]

    async def unsettled(self) -> str | None:
        """Where the ended order's purchase is still to be settled."""
        routing = RoutingActivities(self.engine, Routes(self.shop.provider, [self.shop.provider]))
        return await routing.find_unsettled(self.order_id)

    async def _is_accepted(self) -> bool:
        intents = await self.driver.intents(self.order_id)
        return bool(intents) and intents[-1]["state"] == "ACCEPTED"
