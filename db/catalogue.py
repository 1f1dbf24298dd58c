"""Plans as an order remembers them, who sells each, and what each provider calls it."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.profiles import Profile
from db.rows import one
from db.tables import carriers, countries, orders, plan_codes, plans, users
from domain.provider import ProvisionRequest


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan with its country's and carrier's names.

    Attributes:
        external_id: the provider's name for the plan where `plan_codes` has none.
    """

    id: int
    name: str
    description: str | None
    country_id: int | None
    country_name: str | None
    country_iso2: str | None
    carrier_id: int | None
    carrier_name: str | None
    data_gb: Decimal | None
    duration_days: int | None
    price_minor_units: int
    currency: str
    external_id: str | None

    def snapshot(self) -> dict[str, object]:
        """Return the plan as JSON, to be kept with an order whatever happens to the plan."""
        data_gb = None if self.data_gb is None else float(self.data_gb)
        return asdict(self) | {"data_gb": data_gb}


READ: Select[Any] = (
    select(
        plans.c.id,
        plans.c.name,
        plans.c.description,
        plans.c.country_id,
        countries.c.name.label("country_name"),
        countries.c.iso2.label("country_iso2"),
        plans.c.carrier_id,
        carriers.c.name.label("carrier_name"),
        plans.c.data_gb,
        plans.c.duration_days,
        plans.c.price_minor_units,
        plans.c.currency,
        plans.c.external_id,
    )
    .join_from(plans, countries, isouter=True)
    .join(carriers, plans.c.carrier_id == carriers.c.id, isouter=True)
)


async def find(connection: AsyncConnection, plan_id: int) -> Plan | None:
    """Find a plan by id."""
    return await one(connection, READ.where(plans.c.id == plan_id), Plan)


async def route(connection: AsyncConnection, plan_id: int) -> list[tuple[str, int]]:
    """List the providers that sell a plan, each with its priority, lowest first."""
    rows = await connection.execute(
        select(plan_codes.c.provider, plan_codes.c.priority)
        .where(plan_codes.c.plan_id == plan_id)
        .order_by(plan_codes.c.priority, plan_codes.c.provider)
    )
    return [(row.provider, row.priority) for row in rows]


async def provision_request(
    connection: AsyncConnection,
    profile: Profile,
    provider: str,
    reference: str,
) -> ProvisionRequest:
    """Gather what a provider needs to know to sell this order's profile.

    The plan code is the provider's entry in `plan_codes`, else the `external_id` of the plan as
    it was ordered; None if there is neither.
    """
    rows = await connection.execute(
        select(users.c.email, users.c.name, countries.c.iso2, plan_codes.c.plan_code)
        .select_from(orders)
        .join(users, users.c.id == orders.c.user_id)
        .outerjoin(countries, countries.c.id == profile.country_id)
        .outerjoin(
            plan_codes,
            (plan_codes.c.plan_id == profile.plan_id) & (plan_codes.c.provider == provider),
        )
        .where(orders.c.id == profile.order_id)
    )
    row = rows.one()
    snapshot = profile.plan_snapshot
    return ProvisionRequest(
        order_id=profile.order_id,
        reference=reference,
        plan_code=row.plan_code or _text(snapshot.get("external_id")),
        plan_name=_text(snapshot.get("name")) or f"plan {profile.plan_id}",
        country_iso2=row.iso2,
        customer_email=row.email,
        customer_name=row.name,
        since=profile.created_at,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
