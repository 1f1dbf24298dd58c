"""A purchase in its order's trail: which provider, which reference, and how it went."""

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.origin import origin
from db import events
from db.purchases import Purchase
from domain.errors import ProviderError
from domain.event import EventKind


async def record(
    connection: AsyncConnection,
    intent: Purchase,
    kind: EventKind,
    error: ProviderError | None = None,
) -> None:
    """Append one event. Not idempotent: call it in the transaction of the change itself."""
    await events.append(
        connection,
        intent.order_id,
        kind,
        origin(),
        error_code=error.code if error else None,
        error=error.message if error else None,
        payload={"provider": intent.provider, "reference": intent.reference},
    )
