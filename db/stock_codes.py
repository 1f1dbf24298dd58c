"""Which item has a code already, however it was written down there.

What other connections have not committed is not seen: two spellings of one code that come in at the
same instant pass both. The unique indexes tell equal spellings and ICCIDs apart even then, and a
profile is never given a code that another profile has.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


def spellings(activation_code: str, qr_payload: str) -> str:
    """Write SQL for each way that a source may write a code, given SQL for code and LPA string.

    As given, as the LPA string, without `LPA:`, and, for one without an SM-DP+ address, bare.
    """
    short = f"substr({qr_payload}, 5), substr({qr_payload}, 7)"
    return f"ARRAY[{activation_code}, {qr_payload}, {short}]"


_OWNER = text(f"""
    SELECT id, order_id FROM esim_inventory
    WHERE activation_code
          = ANY ({spellings("CAST(:activation_code AS text)", "CAST(:qr_payload AS text)")})
       OR (iccid = CAST(:iccid AS text) AND (iccid_scope = 0 OR :alone))
    LIMIT 1
""")  # noqa: S608 - built from the constants above


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
