"""A small catalogue for a first start: something to order, with and without stock.

Everything is invented and the same on every machine; the codes lead nowhere.
"""

from dataclasses import dataclass
from random import Random

from sqlalchemy import func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import transaction
from db.tables import carriers, countries, esim_inventory, plan_codes, plans, users
from domain.iccid import luhn_check_digit


@dataclass(frozen=True, slots=True)
class SeedPlan:
    """A plan to sell; `country` and `carrier` are None where it covers any."""

    id: int
    name: str
    country: str | None
    carrier: str | None
    data_gb: int
    duration_days: int
    price_minor_units: int
    code: str


COUNTRIES = {
    "ES": "Spain",
    "FR": "France",
    "IT": "Italy",
    "US": "United States",
    "JP": "Japan",
    "TR": "Türkiye",
}
CARRIERS = ("Iberia Celular", "Hexagone Mobile", "Stella Telecom")
PLANS = (
    SeedPlan(1, "France 3GB", "FR", "Hexagone Mobile", 3, 15, 900, "FR-3GB-15D"),
    SeedPlan(2, "Europe 10GB", None, None, 10, 30, 2400, "EU-10GB-30D"),
    SeedPlan(3, "Italy 5GB", "IT", "Stella Telecom", 5, 30, 1300, "IT-5GB-30D"),
    SeedPlan(4, "United States 10GB", "US", None, 10, 30, 2200, "US-10GB-30D"),
    SeedPlan(5, "Japan 10GB", "JP", None, 10, 15, 2000, "JP-10GB-15D"),
    SeedPlan(6, "Türkiye 20GB", "TR", None, 20, 30, 2600, "TR-20GB-30D"),
    # The INSERT in docs/operating.md stocks this one.
    SeedPlan(123, "Spain 5GB 30 days", "ES", None, 5, 30, 1200, "ES-5GB-30D"),
)
STOCKED_PLAN = 1
STOCK_COUNT = 20
PROVIDERS = ("LOCAL", "CONNECTED_YOU")
DEMO_USER = "demo@example.com"

_INSTRUCTIONS = "Settings, Mobile service, Add eSIM, Use QR code."


async def seed_catalogue(engine: AsyncEngine) -> bool:
    """Fill a catalogue that has no plan yet. True if it did, False if there was nothing to do.

    One transaction; two starts at once seed once. A catalogue with any plan is left alone, so
    what an operator changed or deleted never comes back.

    Raises:
        StorageUnavailable: Postgres is away.
    """
    async with transaction(engine) as connection:
        await connection.execute(text("LOCK TABLE plans IN SHARE ROW EXCLUSIVE MODE"))
        if (await connection.execute(select(plans.c.id).limit(1))).first() is not None:
            return False
        await _name_places_and_people(connection)
        await _offer_plans(connection)
        await _stock_up(connection)
    return True


async def _name_places_and_people(connection: AsyncConnection) -> None:
    """Add rows that are known by name: an operator may have written some of them already."""
    places = [{"iso2": iso2, "name": name} for iso2, name in COUNTRIES.items()]
    await connection.execute(upsert(countries).on_conflict_do_nothing(), places)
    names = [{"name": name} for name in CARRIERS]
    await connection.execute(upsert(carriers).on_conflict_do_nothing(), names)
    demo = {"email": DEMO_USER, "name": "Demo"}
    await connection.execute(upsert(users).on_conflict_do_nothing(), [demo])


async def _offer_plans(connection: AsyncConnection) -> None:
    country_ids = {row.iso2: row.id for row in await connection.execute(select(countries))}
    carrier_ids = {row.name: row.id for row in await connection.execute(select(carriers))}
    rows = [
        {
            "id": plan.id,
            "name": plan.name,
            "description": f"{plan.data_gb} GB for {plan.duration_days} days",
            "country_id": country_ids[plan.country] if plan.country else None,
            "carrier_id": carrier_ids[plan.carrier] if plan.carrier else None,
            "data_gb": plan.data_gb,
            "duration_days": plan.duration_days,
            "price_minor_units": plan.price_minor_units,
            "external_id": plan.code,
        }
        for plan in PLANS
    ]
    await connection.execute(insert(plans), rows)
    codes = [
        {"plan_id": plan.id, "provider": provider, "plan_code": plan.code}
        for plan in PLANS
        for provider in PROVIDERS
    ]
    await connection.execute(insert(plan_codes), codes)
    # Explicit ids do not move the sequence: without this, the next plan would take a used one.
    highest = select(func.max(plans.c.id)).scalar_subquery()
    sequence = func.pg_get_serial_sequence("plans", "id")
    await connection.execute(select(func.setval(sequence, highest)))


async def _stock_up(connection: AsyncConnection) -> None:
    scope = select(plans.c.country_id, plans.c.carrier_id).where(plans.c.id == STOCKED_PLAN)
    plan = (await connection.execute(scope)).one()
    rows = [
        {
            "plan_id": STOCKED_PLAN,
            "country_id": plan.country_id,
            "carrier_id": plan.carrier_id,
            "instructions": _INSTRUCTIONS,
            **codes,
        }
        for codes in stock_codes(STOCK_COUNT)
    ]
    await connection.execute(upsert(esim_inventory).on_conflict_do_nothing(), rows)


def stock_codes(count: int) -> list[dict[str, str]]:
    """Invent well-formed codes, the same at every call; ICCIDs pass the Luhn check."""
    generator = Random(20251120)  # noqa: S311 - invented stock, not a secret
    rows = []
    for _ in range(count):
        # No country has the calling code 99, and `.example` never resolves (RFC 2606).
        number = f"8999{generator.randrange(10**14):014}"
        code = f"1$smdp.demo.example$DEMO-{generator.randrange(16**12):012X}"
        rows.append(
            {
                "iccid": number + luhn_check_digit(number),
                "activation_code": code,
                "qr_payload": f"LPA:{code}",
            }
        )
    return rows
