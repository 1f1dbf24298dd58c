"""Takes an item from stock for an order, and puts it back."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity

from activities.judging import fault_of, retire_faulty, take_sound
from activities.let_go import release_held
from activities.origin import origin
from activities.pause_points import PausePoint, PausePoints
from activities.purchase.lost import LostPurchases
from activities.routes import Routes
from db import good_path, profiles, purchases, stock
from db.engine import committing_each, transaction
from db.profiles import Profile
from domain.errors import ActivationCancelled, OrderNotPaid, OrderNotYetPaid
from domain.event import EventKind
from domain.order import OrderStatus
from domain.profile import PARKED, READY, ProfileStatus
from domain.provider import EsimProvider, resellable


@dataclass(frozen=True, slots=True)
class ReservationRequest:
    """Which order wants an item.

    Attributes:
        provider: who to buy from without stock; None leaves it to the plan's route.
    """

    order_id: int
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """What an order holds after the step.

    Attributes:
        item_id: the item held, None if there is no stock for this order.
        provider: who to buy from if nothing is held; empty if something is.
        open_purchase_at: the provider at which an earlier purchase of this order is still open,
            although an item is held; empty if there is none.
    """

    item_id: int | None
    provider: str
    open_purchase_at: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """What to put back, and why.

    Attributes:
        ending: the activation ends, so a bought item has no order to wait for any more.
    """

    order_id: int
    reason: str
    ending: bool


class StockActivities:
    """Reserve and release, each in one transaction with its audit events."""

    def __init__(
        self,
        engine: AsyncEngine,
        pause: PausePoints,
        routes: Routes,
        providers: Mapping[str, EsimProvider],
    ) -> None:
        self._engine = engine
        self._committing_each = committing_each(engine)
        self._pause = pause
        self._routes = routes
        self._lost = LostPurchases(providers)
        self._resellable = resellable(providers)
        self._enabling = {each.name for each in providers.values() if each.traits.enables}

    @activity.defn(name="reserve_inventory")
    async def reserve_inventory(self, request: ReservationRequest) -> Reservation:
        """Find what the order already holds, else take the most specific AVAILABLE item.

        Idempotent: a second call finds the first one's reservation. No stock is an answer.

        Raises:
            OrderNotFound, OrderNotYetPaid: there is nothing to activate (yet).
            OrderNotPaid, ActivationCancelled: it is over, or was given up.
            UnknownProvider: no stock, and nobody here buys from the provider asked for.
            StorageUnavailable.
        """
        item_id = await self._begin(request.order_id)
        if item_id is None:
            return await self._reserve(request)
        await self._pause.reach(PausePoint.AFTER_RESERVE, request.order_id)
        return Reservation(item_id, "")

    async def _begin(self, order_id: int) -> int | None:
        """Reserve for an order that begins, in one round trip; None leaves it to `_reserve`."""
        held = self._pause.holds(PausePoint.BEFORE_RESERVE_COMMIT, order_id)
        engine = self._engine if held else self._committing_each
        async with transaction(engine) as connection:
            item_id = await good_path.reserve(connection, order_id, origin())
            if item_id is not None:
                await self._pause.reach(PausePoint.BEFORE_RESERVE_COMMIT, order_id)
        return item_id

    async def _reserve(self, request: ReservationRequest) -> Reservation:
        """Reserve for an order as it stands, whatever happened to it before."""
        order_id = request.order_id
        async with transaction(self._engine) as connection:
            profile = await profiles.lock_or_add(connection, order_id)
            _check_may_activate(profile)
            if profile.started_at is not None and profile.status not in READY:
                await purchases.refuse_given_up(connection, order_id)
            asked_first = await self._lost.seller_to_ask(connection, profile)
            item_id = await self._hold(connection, profile, take=asked_first is None)
            await self._pause.reach(PausePoint.BEFORE_RESERVE_COMMIT, order_id)
            seller, doubt = "", ""
            if item_id is None:
                seller = asked_first or await self._routes.first(
                    connection, profile, request.provider
                )
            elif profile.started_at is not None:  # at a first start there was no purchase yet
                earlier = await purchases.open_for(connection, order_id)
                doubt = earlier.provider if earlier else ""
        await self._pause.reach(PausePoint.AFTER_RESERVE, order_id)
        if item_id is None:
            self._routes.check(seller)
        return Reservation(item_id, seller, doubt)

    async def _hold(
        self, connection: AsyncConnection, profile: Profile, *, take: bool
    ) -> int | None:
        if profile.status in READY:
            return profile.inventory_item_id
        if profile.status is ProfileStatus.RESERVED:
            item = await stock.held_by(connection, profile.order_id)
            fault = fault_of(item) if item and item.provider is None else None
            if item is None or fault is None:
                return await self._ready_to_assign(connection, profile, item)
            profile = await retire_faulty(connection, profile, item, fault)
        await profiles.note_start(connection, profile, origin())
        if profile.status in PARKED:
            profile = await profiles.move(
                connection,
                profile,
                ProfileStatus.PENDING_ACTIVATION,
                EventKind.RESUMED,
                origin(),
            )
        held = await stock.held_by(connection, profile.order_id)
        if held is not None and await self._waits_to_be_enabled(connection, held):
            return None  # its provider is called first, and will find it held
        item_id = held.id if held else None
        if held is None and take:
            item_id = await take_sound(connection, profile)
        if item_id is not None:
            await profiles.move(
                connection,
                profile,
                ProfileStatus.RESERVED,
                EventKind.INVENTORY_RESERVED,
                origin(),
                payload={"item_id": item_id},
                inventory_item_id=item_id,
            )
        return item_id

    async def _ready_to_assign(
        self, connection: AsyncConnection, profile: Profile, held: stock.StockItem | None
    ) -> int | None:
        """Return the item that an earlier run has reserved; None if its code does not work yet."""
        if held is not None and await self._waits_to_be_enabled(connection, held):
            return None  # its provider is called first, and will find it held
        return profile.inventory_item_id

    async def _waits_to_be_enabled(
        self, connection: AsyncConnection, item: stock.StockItem
    ) -> bool:
        """Tell whether only its provider can make the held item's code work."""
        if item.provider not in self._enabling or item.order_id is None:
            return False
        bought = await purchases.bought_for(connection, item.order_id)
        return bought is not None and bought.released_at is None

    @activity.defn(name="release_inventory")
    async def release_inventory(self, release: Release) -> None:
        """Undo a reservation: our stock goes back on the shelf, a bought item never does.

        A bought item stays with its order while the activation goes on, and is retired when it
        ends: a code that was paid for is kept, and not sold to anyone else. Idempotent, and
        harmless if nothing is held or the item is already assigned.
        """
        async with transaction(self._engine) as connection:
            profile = await profiles.lock(connection, release.order_id)
            await release_held(
                connection,
                profile,
                reason=release.reason,
                ending=release.ending,
                resellable=self._resellable,
            )


def _check_may_activate(profile: Profile) -> None:
    if profile.status in READY:
        return
    if profile.status in {ProfileStatus.CANCELLED, ProfileStatus.EXPIRED}:
        raise ActivationCancelled(f"The activation of order {profile.order_id} has ended.")
    if profile.order_status is OrderStatus.REFUNDED:
        raise OrderNotPaid("Order was refunded before its eSIM was activated.")
    if profile.order_status is not OrderStatus.PAID:
        raise OrderNotYetPaid("Order must be paid before activating eSIM.")
