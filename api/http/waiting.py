"""Waiting until an activation has come to something, without holding a database connection.

The row is read after every notification, and every few seconds without one, so that a lost
LISTEN connection delays an answer and never loses it.
"""

import asyncio
from dataclasses import dataclass

import structlog

from db import profiles
from db.listen import Notifications, Subscription
from db.profiles import Profile
from db.shared_reads import SharedReads
from domain.errors import StorageUnavailable
from domain.profile import ENDED, PARKED, ProfileStatus

SLOW_POLL_SECONDS = 2.0
DELIVERY_GRACE_SECONDS = 5.0
"""How long an assigned eSIM waits for its delivery before it is shown as it is."""

log = structlog.get_logger(__name__)


def has_settled(profile: Profile, first: Profile) -> bool:
    """Say whether there is something to tell that was not so when `first` was read."""
    newly_parked = profile.status in PARKED and first.status not in PARKED
    failed_again = profile.failed_rounds > first.failed_rounds
    return profile.status in ENDED or newly_parked or failed_again


async def read_profile(reads: SharedReads, order_id: int, user_id: int | None) -> Profile | None:
    """Read an order's profile; with a user, only if that user owns the order."""
    return await reads.read(
        ("profile", order_id, user_id),
        lambda connection: profiles.find(connection, order_id, user_id=user_id),
    )


@dataclass(frozen=True, slots=True)
class Waiter:
    """Reads one order's row until it has settled."""

    reads: SharedReads
    notifications: Notifications
    subscription: Subscription

    async def wait(self, first: Profile, wait_seconds: float) -> Profile:
        """Return the profile once it has settled, or as it stands when the wait is over.

        Postgres being away is waited out: the activation goes on without us.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + wait_seconds
        profile = first
        while not has_settled(profile, first) and not self.notifications.closing:
            remaining = deadline - clock()
            if remaining <= 0:
                break
            await self.subscription.wait(min(remaining, SLOW_POLL_SECONDS))
            was_assigned = profile.status is ProfileStatus.ASSIGNED
            profile = await self._read(profile)
            if profile.status is ProfileStatus.ASSIGNED and not was_assigned:
                deadline = min(deadline, clock() + DELIVERY_GRACE_SECONDS)
        return profile

    async def _read(self, last: Profile) -> Profile:
        try:
            return await read_profile(self.reads, last.order_id, last.user_id) or last
        except StorageUnavailable:
            log.warning("settlement_read_failed", order_id=last.order_id)
            return last
