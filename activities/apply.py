"""Gives the held item to the customer's profile. There is no undo: assigned is assigned."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity

from activities.deliver import activate
from activities.judging import codes_of, retire_faulty
from activities.origin import origin
from activities.pause_points import PausePoint, PausePoints
from db import good_path, profiles, stock
from db.engine import committing_each, transaction
from db.profiles import Profile
from db.stock import StockItem
from domain.codes import confirmation_code, instructions
from domain.delivery import Delivery
from domain.errors import (
    DuplicateStock,
    FaultyStock,
    InvalidInput,
    NeedsReview,
    OrderNotPaid,
    StaleWrite,
)
from domain.event import EventKind
from domain.order import OrderStatus
from domain.profile import READY, ProfileStatus


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which item goes to which order."""

    order_id: int
    item_id: int


@dataclass(frozen=True, slots=True)
class Applied:
    """What is left to do once the customer's profile has its code.

    Attributes:
        handed_over: nothing is: this deployment's delivery sends no message.
    """

    handed_over: bool


class ProfileActivities:
    """Apply, in one transaction with its audit events."""

    def __init__(self, engine: AsyncEngine, pause: PausePoints, delivery: Delivery) -> None:
        self._engine = engine
        self._committing_each = committing_each(engine)
        self._pause = pause
        self._delivery = delivery

    @activity.defn(name="apply_profile")
    async def apply_profile(self, assignment: Assignment) -> Applied:
        """Copy the reserved item's codes to the profile and mark both assigned.

        A delivery that sends nothing has its part done here as well: the profile is activated in
        the same transaction. Whether the order is paid is checked again in it, so that a refund
        and an assignment cannot both win. Idempotent: a second call finds it done.

        Raises:
            OrderNotPaid: the order was refunded meanwhile; nothing was assigned.
            StaleWrite: the item is not reserved for this order any more.
            FaultyStock: the item's code is unusable; it was retired.
            NeedsReview: the same, of an item that was bought: it is kept as it is.
        """
        try:
            if not await self._assign(assignment):
                await self._judge_and_assign(assignment)
        except (InvalidInput, DuplicateStock) as fault:
            # Also if a customer has the code already, by way of an item that spells it otherwise.
            await self._retire_faulty(assignment, fault.message)
            sentence = f"Item {assignment.item_id} holds no usable code."
            raise FaultyStock(sentence) from None
        await self._pause.reach(PausePoint.AFTER_APPLY, assignment.order_id)
        if not self._delivery.sends:
            await self._delivery.deliver(assignment.order_id)
            await self._pause.reach(PausePoint.AFTER_DELIVERY, assignment.order_id)
        return Applied(handed_over=not self._delivery.sends)

    async def _assign(self, assignment: Assignment) -> bool:
        """Assign an item with a plain code, in one round trip; False leaves it to the long way."""
        held = self._pause.holds(PausePoint.BEFORE_APPLY_COMMIT, assignment.order_id)
        engine = self._engine if held else self._committing_each
        async with transaction(engine) as connection:
            assigned = await good_path.assign(
                connection,
                assignment.order_id,
                assignment.item_id,
                origin(),
                handed_over=not self._delivery.sends,
            )
            if assigned:
                await self._pause.reach(PausePoint.BEFORE_APPLY_COMMIT, assignment.order_id)
        return assigned

    async def _judge_and_assign(self, assignment: Assignment) -> None:
        """Assign an item whatever its code looks like, or say why not."""
        async with transaction(self._engine) as connection:
            profile = await profiles.lock(connection, assignment.order_id)
            if not (profile.status in READY and profile.inventory_item_id == assignment.item_id):
                profile = await self._give(connection, profile, assignment)
            if profile.status is ProfileStatus.ASSIGNED and not self._delivery.sends:
                await activate(connection, profile)
            await self._pause.reach(PausePoint.BEFORE_APPLY_COMMIT, assignment.order_id)

    async def _give(
        self, connection: AsyncConnection, profile: Profile, assignment: Assignment
    ) -> Profile:
        if profile.order_status is not OrderStatus.PAID:
            raise OrderNotPaid("Order was refunded before its eSIM was assigned.")
        item = await _held(connection, assignment)
        codes = codes_of(item)
        await stock.assign(connection, item)
        return await profiles.move(
            connection,
            profile,
            ProfileStatus.ASSIGNED,
            EventKind.PROFILE_ASSIGNED,
            origin(),
            payload={"item_id": item.id, "source": item.provider or "stock"},
            activation_code=codes.activation_code,
            qr_payload=codes.qr_payload,
            iccid=item.iccid,
            instructions=instructions(item.instructions),
            confirmation_code=confirmation_code(item.confirmation_code),
            provider_reference=item.provider_reference,
            as_given=item.as_given,
            stamps=("provisioned_at",),
            failure_code=None,
            failure_reason=None,
        )

    async def _retire_faulty(self, assignment: Assignment, fault: str) -> None:
        """Take an item out of stock that was changed after it had been judged and reserved."""
        async with transaction(self._engine) as connection:
            profile = await profiles.lock(connection, assignment.order_id)
            item = await _held(connection, assignment)
            if item.provider is not None:
                raise NeedsReview(
                    f"The profile bought for order {item.order_id} has no usable code."
                )
            await retire_faulty(connection, profile, item, fault)


async def _held(connection: AsyncConnection, assignment: Assignment) -> StockItem:
    item = await stock.held_by(connection, assignment.order_id)
    if item is None or item.id != assignment.item_id:
        raise StaleWrite(f"Order {assignment.order_id} does not hold that item any more.")
    return item
