"""The spend guard: how many purchases may be sent in an hour, and what counts as one."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, case, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.tables import orders
from db.tables import provider_intents as intents
from domain.gate import Hold, HoldReason, ProviderLimits, SpendLimits
from domain.purchase import PurchaseState, Resolution

RECHECK_SECONDS = 300.0

LAST_HOUR: ColumnElement[bool] = intents.c.sent_at > func.now() - literal_column(
    "interval '1 hour'"
)
LAST_DAY: ColumnElement[bool] = intents.c.sent_at > func.now() - literal_column("interval '1 day'")
SPENT: ColumnElement[bool] = and_(
    intents.c.sent_at.is_not(None),
    intents.c.state != PurchaseState.REFUSED,
    intents.c.resolution.is_distinct_from(Resolution.ABSENT),
)
"""A purchase that was sent, and neither refused nor, as a person found out, never booked."""


@dataclass(frozen=True, slots=True)
class Spending:
    """A purchase, as the spend guard sees it: who it is for, and what is allowed in all."""

    allowance: SpendLimits
    user_id: int


async def spend(
    connection: AsyncConnection, provider: str, limits: ProviderLimits, spending: Spending
) -> Hold | None:
    """Hold one more purchase if it is beyond the spend guard; `gates.enter` asks it in its lock.

    Counts what was spent in the last hour. "In all" may be exceeded by as many purchases as there
    are providers, which are counted side by side.
    """
    if limits.purchases_per_hour is None:
        return None
    allowance = spending.allowance
    counted = (await connection.execute(_counted(provider, spending.user_id))).one()
    guards = (
        (counted.everywhere, allowance.purchases_per_hour),
        (counted.here, limits.purchases_per_hour),
        (counted.by_user, allowance.purchases_per_hour_per_user),
    )
    if any(limit is not None and sent >= limit for sent, limit in guards):
        return Hold(HoldReason.SPEND, RECHECK_SECONDS)
    return None


def _counted(provider: str, user_id: int) -> Select[int, int, int]:
    def number(condition: ColumnElement[bool]) -> ColumnElement[int]:
        """Count the purchases that meet a condition; 0 if there are none."""
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    return (
        select(
            func.count().label("everywhere"),
            number(intents.c.provider == provider).label("here"),
            number(orders.c.user_id == user_id).label("by_user"),
        )
        .join_from(intents, orders, orders.c.id == intents.c.order_id)
        .where(LAST_HOUR, SPENT)
    )
