"""What must hold of the database at any time: each query returns no row."""

from sqlalchemy.ext.asyncio import AsyncEngine

from tests.rows import rows

INVARIANTS = {
    "an item is behind one profile at most": """
        SELECT inventory_item_id FROM esim_profiles WHERE inventory_item_id IS NOT NULL
        GROUP BY 1 HAVING count(*) > 1""",
    "a ready profile's item is its order's, assigned, with its ICCID and second code": """
        SELECT p.id FROM esim_profiles p LEFT JOIN esim_inventory i ON i.id = p.inventory_item_id
        WHERE p.status IN ('ASSIGNED', 'ACTIVATED')
          AND (i.order_id IS DISTINCT FROM p.order_id OR i.status <> 'ASSIGNED'
               OR i.iccid IS DISTINCT FROM p.iccid
               OR i.confirmation_code IS DISTINCT FROM p.confirmation_code)""",
    "an order has one confirmed purchase at most": """
        SELECT order_id FROM provider_intents WHERE state = 'CONFIRMED'
        GROUP BY 1 HAVING count(*) > 1""",
    "nothing is held for an order that is over": """
        SELECT i.id FROM esim_inventory i JOIN esim_profiles p ON p.order_id = i.order_id
        WHERE i.status = 'RESERVED' AND p.status IN ('ACTIVATED', 'ASSIGNED', 'CANCELLED')""",
    "an assigned item has a profile": """
        SELECT i.id FROM esim_inventory i LEFT JOIN esim_profiles p ON p.inventory_item_id = i.id
        WHERE i.status = 'ASSIGNED' AND p.id IS NULL""",
    "a ready profile was assigned exactly once": """
        SELECT p.order_id FROM esim_profiles p JOIN esim_provisioning_events e USING (order_id)
        WHERE p.status IN ('ASSIGNED', 'ACTIVATED')
        GROUP BY 1 HAVING count(*) FILTER (WHERE e.to_status = 'ASSIGNED') <> 1""",
    "the last change of state in the trail is the profile's state": """
        SELECT p.order_id FROM esim_profiles p JOIN LATERAL (
            SELECT to_status FROM esim_provisioning_events e
            WHERE e.order_id = p.order_id AND to_status IS NOT NULL ORDER BY id DESC LIMIT 1
        ) last ON true WHERE last.to_status <> p.status""",
    "a refunded order was not assigned after its refund": """
        SELECT e.order_id FROM esim_provisioning_events e
        JOIN esim_provisioning_events r ON r.order_id = e.order_id
        WHERE e.to_status = 'ASSIGNED' AND r.kind = 'payment_refunded' AND e.id > r.id""",
    "an order has one open purchase at most": """
        SELECT order_id FROM provider_intents
        WHERE state IN ('INTENDED', 'SENT', 'ACCEPTED', 'UNKNOWN')
        GROUP BY 1 HAVING count(*) > 1""",
    "an order that is over has no purchase under way without an outcome": """
        SELECT n.id FROM provider_intents n JOIN esim_profiles p USING (order_id)
        WHERE n.state IN ('INTENDED', 'SENT') AND p.status IN ('ACTIVATED', 'CANCELLED')""",
    "a confirmed purchase has its item, and one that gave none has none": """
        SELECT id FROM provider_intents
        WHERE (state = 'CONFIRMED') <> (inventory_item_id IS NOT NULL) AND state <> 'RESOLVED'""",
    "what a person has decided says who and why, and holds a code if it exists": """
        SELECT id FROM provider_intents
        WHERE state = 'RESOLVED'
          AND (resolution IS NULL OR coalesce(trim(resolved_by), '') = ''
               OR coalesce(trim(resolved_reason), '') = ''
               OR (resolution = 'EXISTS') <> (inventory_item_id IS NOT NULL))""",
    "what a provider sold is behind the purchase that gave it": """
        SELECT i.id FROM esim_inventory i LEFT JOIN provider_intents n ON n.inventory_item_id = i.id
        WHERE i.provider IS NOT NULL AND n.provider IS DISTINCT FROM i.provider""",
    "what was ever assigned is not offered again": """
        SELECT id FROM esim_inventory WHERE status = 'AVAILABLE' AND assigned_at IS NOT NULL""",
    "what was given back is nobody's": """
        SELECT n.id FROM provider_intents n JOIN esim_inventory i ON i.id = n.inventory_item_id
        WHERE n.returned_at IS NOT NULL AND i.status IN ('AVAILABLE', 'RESERVED', 'ASSIGNED')""",
}


async def broken(engine: AsyncEngine) -> list[str]:
    """The names of the invariants that do not hold."""
    return [name for name, query in INVARIANTS.items() if await rows(engine, query)]
