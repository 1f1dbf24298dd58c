"""Hands the eSIM over. Nothing undoes an assignment because a hand-over failed."""

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity

from activities.origin import origin
from activities.pause_points import PausePoint, PausePoints
from db import profiles
from db.engine import transaction
from db.profiles import Profile
from domain.delivery import Delivery
from domain.event import EventKind
from domain.profile import ProfileStatus

log = structlog.get_logger(__name__)


class AnswerDelivery:
    """The API's answer is the hand-over: the owner reads the code there. Leaves a log line."""

    sends = False

    async def deliver(self, order_id: int) -> None:
        """Say in the log that the eSIM can be fetched."""
        log.info("esim_ready", order_id=order_id, esim_provisioning="success")


class DeliveryActivities:
    """The step of a delivery that sends something; without one, apply does its part."""

    def __init__(self, engine: AsyncEngine, pause: PausePoints, delivery: Delivery) -> None:
        self._engine = engine
        self._pause = pause
        self._delivery = delivery

    @activity.defn(name="deliver_instructions")
    async def deliver_instructions(self, order_id: int) -> None:
        """Hand over and mark the profile activated. At least once; idempotent afterwards."""
        await self._delivery.deliver(order_id)
        await self._pause.reach(PausePoint.AFTER_DELIVERY, order_id)
        async with transaction(self._engine) as connection:
            profile = await profiles.lock(connection, order_id)
            if profile.status is not ProfileStatus.ACTIVATED:
                await activate(connection, profile)


async def activate(connection: AsyncConnection, profile: Profile) -> None:
    """Record that the customer has the eSIM of a locked, assigned profile.

    Raises:
        IllegalTransition, StaleWrite: as `profiles.move`.
    """
    await profiles.move(
        connection,
        profile,
        ProfileStatus.ACTIVATED,
        EventKind.PROFILE_ACTIVATED,
        origin(),
        stamps=("activated_at",),
    )
