"""Which item has a code already, however it was written down there.

`esim_code_identity` in the database is what the spellings of one code have in common; an index
serves it. What other connections have not committed is not seen: two spellings of one code that
come in at the same instant pass both. The unique indexes tell equal spellings and ICCIDs apart even
then, and a profile is never given a code that another profile has.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_OWNER = text("""
    SELECT id, order_id FROM esim_inventory
    WHERE activation_code = :activation_code
       OR esim_code_identity(activation_code, qr_payload)
          = esim_code_identity(:activation_code, :qr_payload)
       OR (iccid = CAST(:iccid AS text) AND (iccid_scope = 0 OR :alone))
    LIMIT 1
""")


async def owner(
    connection: AsyncConnection,
    activation_code: str,
    qr_payload: str,
    iccid: str | None,
    *,
    alone: bool,
) -> tuple[int, int | None] | None:
    """Find the item that has this code or ICCID, and its order if it has one.

    Unless the ICCID must be `alone` in stock, it may be that of another sale which need not be
    alone either.
    """
    sought = {
        "activation_code": activation_code,
        "qr_payload": qr_payload,
        "iccid": iccid,
        "alone": alone,
    }
    found = await connection.execute(_OWNER, sought)
    row = found.one_or_none()
    return (row.id, row.order_id) if row else None
