"""Notes of people, checked against the codes of the order that they speak of.

A whole code is known by its look (`domain/redaction.py`); a matching id or a confirmation code
alone looks like any word, and is known only by comparison.
"""

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.tables import esim_inventory as inventory
from db.tables import esim_profiles as profiles
from db.tables import provider_intents as intents
from domain.redaction import as_note

_CODES = ("activation_code", "qr_payload", "confirmation_code")


async def as_note_of(connection: AsyncConnection, order_id: int, text: str) -> str:
    """Make what a person wrote of an order fit for its audit trail: no code of it stays in there.

    Reads only.
    """
    return as_note(text, await _of(connection, order_id)) if text else text


async def _of(connection: AsyncConnection, order_id: int) -> list[str]:
    """List every code of what the order holds, has, or had bought for it."""
    bought = select(intents.c.inventory_item_id).where(intents.c.order_id == order_id)
    items = select(*(inventory.c[name] for name in _CODES)).where(
        or_(inventory.c.order_id == order_id, inventory.c.id.in_(bought))
    )
    own = select(*(profiles.c[name] for name in _CODES)).where(profiles.c.order_id == order_id)
    found = await connection.execute(items.union(own))
    return [code for row in found for code in row if code]
