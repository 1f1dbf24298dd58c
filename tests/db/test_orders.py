"""Orders in Postgres, as far as the API's tests do not show them."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import catalogue, orders
from db.engine import transaction
from db.orders import Order
from domain.errors import OrderNotFound, StaleWrite
from domain.order import OrderStatus
from tests.rows import PLAN_ID, paid_order, rows, value

pytestmark = pytest.mark.usefixtures("catalogue")


async def _place(engine: AsyncEngine, key: str | None) -> Order | None:
    async with transaction(engine) as connection:
        plan = await catalogue.find(connection, PLAN_ID)
        assert plan is not None
        return await orders.place(connection, user_id=1, plan=plan, idempotency_key=key)


async def test_orders_without_a_key_are_all_placed(engine: AsyncEngine) -> None:
    """NULL keys never collide."""
    assert await _place(engine, None)
    assert await _place(engine, None)
    assert await value(engine, "SELECT count(*) FROM orders") == 2


async def test_a_taken_key_places_nothing(engine: AsyncEngine) -> None:
    """Of ten at once one places the order; the others learn that the key is taken."""
    placed = await asyncio.gather(*(_place(engine, "k") for _ in range(10)))
    assert len([order for order in placed if order is not None]) == 1
    assert await value(engine, "SELECT count(*) FROM esim_provisioning_events") == 1


async def test_a_plan_that_costs_nothing_known_is_not_lost(engine: AsyncEngine) -> None:
    """The snapshot keeps the plan as it was, whatever happens to it later."""
    order = await _place(engine, None)
    assert order is not None
    assert order.plan_snapshot["name"] == "Spain 5GB"
    assert order.plan_snapshot["data_gb"] == 5.0


async def test_marking_an_order_that_changed_meanwhile_is_an_error(engine: AsyncEngine) -> None:
    """Paying gives the time of payment; a second mark from the old state changes nothing."""
    order = await _place(engine, None)
    assert order is not None
    async with transaction(engine) as connection:
        await orders.mark(connection, order, OrderStatus.PAID)
    with pytest.raises(StaleWrite):
        async with transaction(engine) as connection:
            await orders.mark(connection, order, OrderStatus.PAYMENT_FAILED)
    [found] = await rows(engine, "SELECT status, paid_at FROM orders")
    assert found["status"] == "PAID"
    assert found["paid_at"] is not None


async def test_an_order_of_another_user_is_not_found(engine: AsyncEngine) -> None:
    """Ownership is in the query."""
    order_id = await paid_order(engine)
    async with transaction(engine) as connection:
        assert await orders.find(connection, order_id, user_id=2) is None
        assert await orders.find(connection, order_id, user_id=1) is not None
        assert OrderNotFound.code == "order-not-found"
