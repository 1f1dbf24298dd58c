"""One order at one shop: what was bought for it, how often, and whether all is settled."""

from pathlib import Path
from typing import Any

from activities.pause_points import PausePoint
from activities.routes import Routes, RoutingActivities
from domain.provider import EsimProvider
from sandbox.sandbox import Sandbox
from tests.e2e.invariants import broken
from tests.holds import Hold
from tests.purchases.conftest import Driver
from tests.purchases.scenes import trail
from tests.rows import paid_order, rows
from tests.workflows.conftest import Watch


class Scene:
    """One order at one shop."""

    def __init__(
        self,
        driver: Driver,
        sandbox: Sandbox,
        providers: dict[str, EsimProvider],
        watch: Watch,
        folder: Path,
    ) -> None:
        self.engine = driver.engine
        self.driver = driver
        self.sandbox = sandbox
        self.watch = watch
        self.folder = folder
        self.provider = next(iter(providers.values()))
        self.order_id = 0

    async def begun(self, point: PausePoint | None = None) -> Hold:
        """A new order, begun, and held at that instant if there is one."""
        self.order_id = await paid_order(self.engine)
        hold = Hold(self.folder, point or PausePoint.AFTER_DELIVERY, self.order_id)
        if point is None:
            hold.release()
        await self.driver.start(self.order_id)
        if point is not None:
            await hold.reached()
        return hold

    async def intent(self) -> dict[str, Any]:
        """The order's only purchase."""
        [found] = await self.driver.intents(self.order_id)
        return found

    async def item(self) -> dict[str, Any]:
        """The only profile that was ever bought."""
        [found] = await rows(self.engine, "SELECT * FROM esim_inventory WHERE provider IS NOT NULL")
        return dict(found)

    async def bought_and_released(self) -> list[str]:
        """What the trail says of the purchase, and when it was handed out."""
        told = ("purchase_confirmed", "purchase_released", "profile_assigned")
        story = [each.split()[0] for each in await trail(self.engine, self.order_id)]
        return [kind for kind in story if kind in told]

    async def settled(self) -> None:
        """One charge at most was ever made, nothing is left to do, every invariant holds."""
        assert len(self.sandbox.charges()) == 1
        routing = RoutingActivities(self.engine, Routes(self.provider.name, [self.provider.name]))
        assert await routing.find_unsettled(self.order_id) is None
        assert await broken(self.engine) == []

    def net_charges(self) -> int:
        """How many charges stand."""
        return len(self.sandbox.net_charges())

    def calls(self, operation: str) -> int:
        """How often that was asked of the provider."""
        return len(self.sandbox.calls(self.provider.name, operation))
