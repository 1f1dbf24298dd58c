"""Paid orders and stock in bulk, as the shop and an import leave them."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.rows import PLAN_ID, SMDP, run, seed_catalogue, value

CUSTOMER = "bench@example.com"

_ORDERS = f"""
    WITH customer AS (
        INSERT INTO users (email) VALUES ('{CUSTOMER}')
        ON CONFLICT (email) DO UPDATE SET email = excluded.email RETURNING id
    ), placed AS (
        INSERT INTO orders (user_id, plan_id, status, currency, amount_minor_units, paid_at,
            plan_snapshot)
        SELECT customer.id, {PLAN_ID}, 'PAID', 'USD', 1000, now(),
            '{{"name": "Spain 5GB", "external_id": "ES-5GB"}}'
        FROM customer, generate_series(1, :count)
        RETURNING id, user_id
    ), registered AS (
        INSERT INTO esim_profiles (order_id, user_id, plan_id, country_id, carrier_id)
        SELECT placed.id, placed.user_id, plans.id, plans.country_id, plans.carrier_id
        FROM placed JOIN plans ON plans.id = {PLAN_ID}
    )
    SELECT id FROM placed ORDER BY id
"""

_STOCK = f"""
    INSERT INTO esim_inventory (plan_id, carrier_id, country_id, activation_code, iccid, qr_payload,
        instructions)
    SELECT {PLAN_ID}, 1, 1, '1${SMDP}$BENCH-' || number, '8934' || lpad(number::text, 15, '0'),
        'LPA:1${SMDP}$BENCH-' || number, 'Scan the QR code'
    FROM generate_series(1, :count) AS number
"""


class Shop:
    """Orders to activate, handed out in the order they were placed."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open(self, stock: int) -> None:
        """A catalogue, and so many items on the shelf."""
        await seed_catalogue(self._engine)
        await run(self._engine, _STOCK, count=stock)
        await run(self._engine, "ANALYZE")

    async def paid_orders(self, count: int) -> Sequence[int]:
        """So many new orders with their profiles."""
        async with self._engine.begin() as connection:
            placed = await connection.execute(text(_ORDERS), {"count": count})
            return placed.scalars().all()

    async def sell_out(self) -> None:
        """Take what is left off the shelf, so that a provider is asked."""
        left = "UPDATE esim_inventory SET status = 'RETIRED', retired_at = now()"
        await run(self._engine, f"{left} WHERE status = 'AVAILABLE'")

    async def count(self, status: str) -> int:
        """How many profiles are in a state."""
        counted: int = await value(
            self._engine,
            "SELECT count(*) FROM esim_profiles WHERE status = :status",
            status=status,
        )
        return counted

    async def given_from_stock(self) -> int:
        """How many orders got an item of our own stock."""
        counted: int = await value(
            self._engine,
            "SELECT count(*) FROM esim_inventory WHERE status = 'ASSIGNED' AND provider IS NULL",
        )
        return counted
