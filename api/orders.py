"""Placing orders and reading one's own."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from api.esims import EsimBody
from api.http import problems
from api.http.auth import User
from api.http.headers import headers
from api.http.ids import Id, PathId
from api.http.paging import PAGED, AskedPage
from api.http.problems import Problem
from api.http.scalars import Currency, Instant
from api.http.strict import RequestBody, StrictRoute
from api.resources import Shared
from db import catalogue, orders, profiles
from db.catalogue import Plan
from db.engine import transaction
from db.orders import Order
from db.profiles import Profile
from domain.errors import OrderNotFound
from domain.order import OrderStatus

router = APIRouter(route_class=StrictRoute, prefix="/api/orders", tags=["Orders"])

IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[!-~]+$")] | None,
    Header(description="The same key and body give the same order, however often they are sent."),
]


# ISO 4217: every other currency we may meet has two decimals.
_DECIMALS = {"BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3} | dict.fromkeys(
    ("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0
)


class OrderRequest(RequestBody):
    """Which plan to order; the currency must be the plan's."""

    plan_id: Id
    currency: Currency = "USD"


class OrderBody(BaseModel):
    """An order as its owner sees it."""

    id: int
    plan_id: int
    status: OrderStatus
    currency: str
    amount_minor_units: int
    amount_major: str = Field(
        description="The amount in the currency's main unit.", examples=["24.00"]
    )
    created_at: Instant
    plan_snapshot: dict[str, Any]
    esim_profile: EsimBody | None

    @classmethod
    def of(cls, order: Order, profile: Profile | None) -> "OrderBody":
        """Show an order to its owner."""
        return cls(
            id=order.id,
            plan_id=order.plan_id,
            status=order.status,
            currency=order.currency,
            amount_minor_units=order.amount_minor_units,
            amount_major=amount_major(order.amount_minor_units, order.currency),
            created_at=order.created_at,
            plan_snapshot=dict(order.plan_snapshot),
            esim_profile=EsimBody.of(profile) if profile else None,
        )


def amount_major(minor_units: int, currency: str) -> str:
    """Write an amount in the currency's main unit, with all of its decimals: `24.00`."""
    decimals = _DECIMALS.get(currency, 2)
    return f"{Decimal(minor_units).scaleb(-decimals):.{decimals}f}"


@router.post(
    "",
    responses={
        200: {"headers": headers("Idempotent-Replayed")},
        **problems.responses(401, 403, 404, 413, 415, 422, 429, 503),
    },
)
async def create_order(
    response: Response,
    body: OrderRequest,
    caller: User,
    shared: Shared,
    idempotency_key: IdempotencyKey = None,
) -> OrderBody:
    """Order a plan. The order is to be paid next; its eSIM is pre-registered."""
    shared.order_limit.take(caller.user_id)
    async with transaction(shared.engine) as connection:
        order, replayed = await _place(connection, body, caller.user_id, idempotency_key)
        profile = await profiles.find(connection, order.id)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return OrderBody.of(order, profile)


@router.get("/mine", responses=PAGED | problems.responses(401, 403, 422, 503))
async def list_my_orders(page: AskedPage, caller: User, shared: Shared) -> list[OrderBody]:
    """List the caller's orders, newest first."""
    async with transaction(shared.engine) as connection:
        found = await orders.owned_by(
            connection, caller.user_id, before_id=page.after, limit=page.limit
        )
        esims = await profiles.of_orders(connection, [order.id for order in found])
    page.shows([order.id for order in found])
    return [OrderBody.of(order, esims.get(order.id)) for order in found]


@router.get("/{order_id:id}", responses=problems.responses(401, 403, 404, 422, 503))
async def get_order(order_id: PathId, caller: User, shared: Shared) -> OrderBody:
    """Show one of the caller's orders."""
    async with transaction(shared.engine) as connection:
        order = await orders.find(connection, order_id, user_id=caller.user_id)
        if order is None:
            raise OrderNotFound("Order not found")
        return OrderBody.of(order, await profiles.find(connection, order_id))


async def _place(
    connection: AsyncConnection, body: OrderRequest, user_id: int, key: str | None
) -> tuple[Order, bool]:
    """Place the order, or find the one that had this key; say whether it is an earlier one."""
    earlier = await orders.find_by_key(connection, user_id, key) if key else None
    if earlier is None:
        plan = await _plan(connection, body)
        placed = await orders.place(connection, user_id=user_id, plan=plan, idempotency_key=key)
        if placed is not None:
            return placed, False
        # Somebody placed it under the same key a moment ago: wins who committed first.
        earlier = await orders.find_by_key(connection, user_id, key or "")
    if earlier is None or (earlier.plan_id, earlier.currency) != (body.plan_id, body.currency):
        detail = "This Idempotency-Key was used for another order."
        raise Problem(422, "idempotency-key-reused", detail)
    return earlier, True


async def _plan(connection: AsyncConnection, body: OrderRequest) -> Plan:
    plan = await catalogue.find(connection, body.plan_id)
    if plan is None:
        raise Problem(404, "plan-not-found", "Plan not found")
    if plan.currency != body.currency:
        detail = f"This plan is sold in {plan.currency}."
        raise Problem(422, "currency-mismatch", detail)
    return plan
