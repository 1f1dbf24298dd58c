"""Who may nudge a waiting activation: one caller per cool-down, whoever comes first."""

from datetime import timedelta

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.columns import ProfileColumns
from db.profiles import Profile
from db.rows import claimed
from db.tables import esim_profiles as profiles


async def claim(connection: AsyncConnection, profile: Profile, *, cooldown_seconds: float) -> bool:
    """Take the one nudge that a cool-down allows; False if it is not over or somebody was first.

    The cool-down begins with the row's last change, by the database's clock. Not an event: the
    retry that follows is recorded by the activation itself.
    """
    quiet_since = func.now() - timedelta(seconds=cooldown_seconds)
    nudge = (
        update(profiles)
        .where(
            profiles.c.id == profile.id,
            profiles.c.status == profile.status,
            profiles.c.failed_rounds == profile.failed_rounds,
            profiles.c.updated_at <= quiet_since,
        )
        .values(ProfileColumns(updated_at=func.now()))
    )
    return await claimed(connection, nudge)
