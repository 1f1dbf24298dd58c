"""Who sells a plan, in which order, and what each of them calls it."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.profiles import Profile
from db.tables import countries, orders, plan_codes, users
from domain.provider import ProvisionRequest


async def route(connection: AsyncConnection, plan_id: int) -> list[tuple[str, int]]:
    """The providers that sell a plan, each with its priority, lowest first."""
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
    """Everything a provider needs to know to sell this order's profile.

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
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
