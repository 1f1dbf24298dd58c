"""Stock as ops look at it; no code leaves here."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.rows import all_of
from db.tables import esim_inventory as inventory


@dataclass(frozen=True, slots=True)
class RetiredItem:
    """An item that was taken out of use, and why."""

    id: int
    plan_id: int | None
    order_id: int | None
    provider: str | None
    provider_reference: str | None
    iccid: str | None
    import_id: int | None
    retired_at: datetime | None
    retired_reason: str


_RETIRED = select(*(inventory.c[name] for name in RetiredItem.__dataclass_fields__)).where(
    inventory.c.retired_reason.is_not(None)
)


async def retired(
    connection: AsyncConnection, *, before_id: int | None = None, limit: int = 100
) -> list[RetiredItem]:
    """List items that were retired with a reason, the newest item first.

    Only those with a smaller id than `before_id`. History that was imported as RETIRED has none.
    """
    statement = _RETIRED.order_by(inventory.c.id.desc()).limit(limit)
    if before_id is not None:
        statement = statement.where(inventory.c.id < before_id)
    return await all_of(connection, statement, RetiredItem)
