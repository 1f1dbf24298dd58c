"""Customers who ask again for an activation that has failed: rarely, and only if it may help."""

from sqlalchemy.ext.asyncio import AsyncEngine

from db import nudges
from db.engine import transaction
from db.profiles import Profile
from domain.profile import NEEDS_A_PERSON


async def claim(engine: AsyncEngine, profile: Profile, *, cooldown_seconds: float) -> bool:
    """Take the one nudge that a cool-down allows, for an activation that waits.

    False if it is not over, if somebody else was first, or if only a person can help.
    """
    if profile.status in NEEDS_A_PERSON:
        return False
    async with transaction(engine) as connection:
        return await nudges.claim(connection, profile, cooldown_seconds=cooldown_seconds)
