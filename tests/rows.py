"""Rows that tests begin with, and short questions to the database."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

PLAN_ID = 123
SMDP = "smdp.example.com"


async def run(engine: AsyncEngine, statement: str, **values: object) -> None:
    """One statement, committed."""
    async with engine.begin() as connection:
        await connection.execute(text(statement), values)


async def force(engine: AsyncEngine, statement: str, **values: object) -> None:
    """One statement, committed, that no trigger sees: for states that nothing may lead to."""
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text(statement), values)


async def rows(engine: AsyncEngine, statement: str, **values: object) -> list[Mapping[str, Any]]:
    """Every row of a query."""
    async with engine.connect() as connection:
        result = await connection.execute(text(statement), values)
        return [dict(row) for row in result.mappings()]


async def value(engine: AsyncEngine, statement: str, **values: object) -> Any:
    """The one value of a query."""
    async with engine.connect() as connection:
        return (await connection.execute(text(statement), values)).scalar_one()


async def seed_catalogue(engine: AsyncEngine) -> None:
    """A country, a carrier, plan 123 and a customer with id 1, who is also staff."""
    await run(engine, "INSERT INTO countries (iso2, name) VALUES ('ES', 'Spain')")
    await run(engine, "INSERT INTO carriers (name) VALUES ('Orange')")
    await run(
        engine,
        "INSERT INTO plans (id, name, country_id, carrier_id, data_gb, duration_days,"
        " price_minor_units, external_id)"
        " OVERRIDING SYSTEM VALUE VALUES (:id, 'Spain 5GB', 1, 1, 5, 30, 1000, 'ES-5GB')",
        id=PLAN_ID,
    )
    await run(engine, "INSERT INTO users (email, name) VALUES ('ana@example.com', 'Ana')")
    await staff(engine, 1)


async def staff(engine: AsyncEngine, user_id: int, *roles: str) -> None:
    """Give a user roles, if none is named those that allow everything."""
    for role in roles or ("ENGINEER", "FINANCE"):
        await run(
            engine,
            "INSERT INTO user_roles (user_id, role, granted_by) VALUES (:user_id, :role, 'a test')",
            user_id=user_id,
            role=role,
        )


async def paid_order(engine: AsyncEngine, plan_id: int = PLAN_ID, *, status: str = "PAID") -> int:
    """A paid order of customer 1 with its profile, as the shop leaves it."""
    order_id: int = await _insert_order(engine, plan_id, status)
    await run(
        engine,
        "INSERT INTO esim_profiles (order_id, user_id, plan_id, country_id, carrier_id)"
        " SELECT :order_id, 1, id, country_id, carrier_id FROM plans WHERE id = :plan_id",
        order_id=order_id,
        plan_id=plan_id,
    )
    return order_id


async def _insert_order(engine: AsyncEngine, plan_id: int, status: str) -> int:
    async with engine.begin() as connection:
        result = await connection.execute(
            text(
                "INSERT INTO orders (user_id, plan_id, status, currency, amount_minor_units,"
                " paid_at, plan_snapshot) VALUES (1, :plan_id, CAST(:status AS text), 'USD', 1000,"
                " CASE WHEN CAST(:status AS text) = 'PAID' THEN now() END,"
                ' \'{"name": "Spain 5GB", "external_id": "ES-5GB"}\') RETURNING id'
            ),
            {"plan_id": plan_id, "status": status},
        )
        order_id: int = result.scalar_one()
        return order_id


async def stock_item(
    engine: AsyncEngine,
    number: int = 1,
    *,
    plan_id: int | None = PLAN_ID,
    carrier_id: int | None = None,
    country_id: int | None = None,
) -> int:
    """One AVAILABLE item with codes of its own; NULL means any."""
    async with engine.begin() as connection:
        result = await connection.execute(
            text(
                "INSERT INTO esim_inventory (plan_id, carrier_id, country_id, activation_code,"
                " iccid, qr_payload, instructions) VALUES (:plan, :carrier, :country, :code,"
                " :iccid, 'LPA:' || :code, 'Scan the QR code') RETURNING id"
            ),
            {
                "plan": plan_id,
                "carrier": carrier_id,
                "country": country_id,
                "code": f"1${SMDP}$STOCK-{number}",
                "iccid": f"8934{number:015d}",
            },
        )
        item_id: int = result.scalar_one()
        return item_id
