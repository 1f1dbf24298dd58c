"""Plans as an order remembers them."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.tables import carriers, countries, plans


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
        """The plan as JSON, to be kept with an order whatever happens to the plan."""
        data_gb = None if self.data_gb is None else float(self.data_gb)
        return asdict(self) | {"data_gb": data_gb}


_READ: Select[Any] = (
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
    """A plan by id."""
    rows = await connection.execute(_READ.where(plans.c.id == plan_id))
    row = rows.mappings().one_or_none()
    return Plan(**row) if row else None
