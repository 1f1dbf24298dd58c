"""kill -9, at every instant and of every process: all complete, nothing double."""

import asyncio
import signal
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.pause_points import PausePoint
from tests.e2e.invariants import broken
from tests.e2e.stack import Customer, Stack
from tests.e2e.test_activation import _bare_plan, _stock
from tests.holds import Hold
from tests.partners.connected_you import PartnerServer
from tests.rows import value
from workflows.messages import workflow_id

pytestmark = pytest.mark.stack

FROM_STOCK = [
    PausePoint.BEFORE_RESERVE_COMMIT,
    PausePoint.AFTER_RESERVE,
    PausePoint.BEFORE_APPLY_COMMIT,
    PausePoint.AFTER_APPLY,
    PausePoint.AFTER_DELIVERY,
]
BOUGHT = [PausePoint.BEFORE_SEND, PausePoint.AFTER_REPLY, PausePoint.AFTER_PURCHASE]
ASYNC = {"Prefer": "respond-async"}


async def _check(stack: Stack, partner: PartnerServer, orders: list[int]) -> None:
    profiles = await stack.settled(orders)
    assert {row["status"] for row in profiles} == {"ACTIVATED"}
    assert len({row["inventory_item_id"] for row in profiles}) == len(orders)
    held = "SELECT count(*) FROM esim_inventory WHERE status = 'RESERVED'"
    assert await value(stack.engine, held) == 0
    ledger = {f"order-{order_id}" for order_id in orders} & set(partner.orders)
    bought = await value(
        stack.engine,
        "SELECT count(*) FROM esim_inventory WHERE order_id = ANY(:ids) AND provider IS NOT NULL",
        ids=orders,
    )
    assert len(ledger) == bought
    assert await broken(stack.engine) == []


async def test_the_worker_is_killed_at_every_step(
    stack: Stack, customer: Customer, partner: PartnerServer, pause_folder: Path
) -> None:
    """One order stands at each instant when the worker dies; the next worker finishes them all."""
    stocked, bare = await _bare_plan(stack), await _bare_plan(stack)
    await _stock(stack, stocked, len(FROM_STOCK), "KILLED")
    holds: list[Hold] = []
    orders: list[int] = []
    for point in [*FROM_STOCK, *BOUGHT]:
        order_id = await customer.buy(stocked if point in FROM_STOCK else bare)
        holds.append(Hold(pause_folder, point, order_id))
        orders.append(order_id)
        assert (await customer.activate(order_id, **ASYNC)).status_code == 202
    await asyncio.gather(*(hold.reached() for hold in holds))
    stack.kill("worker")
    for hold in holds:
        hold.release()
    await _check(stack, partner, orders)


async def _attempts(stack: Stack, order_id: int) -> int:
    """Which attempt of the provider call Temporal is at."""
    client = await Client.connect(stack.description["temporal_address"])
    described = await client.get_workflow_handle(workflow_id(order_id)).describe()
    pending = described.raw_description.pending_activities
    return max((activity.attempt for activity in pending), default=0)


async def test_a_worker_that_freezes_before_the_send_buys_once(
    stack: Stack, customer: Customer, partner: PartnerServer, pause_folder: Path
) -> None:
    """Frozen past its heartbeat, so that a second attempt begins, then awake: one request sent."""
    order_id = await customer.buy(await _bare_plan(stack))
    hold = Hold(pause_folder, PausePoint.BEFORE_SEND, order_id)
    await customer.activate(order_id, **ASYNC)
    await hold.reached()
    stack.kill("worker", signal.SIGSTOP)
    async with asyncio.timeout(60):
        while await _attempts(stack, order_id) < 2:
            await asyncio.sleep(0.2)
    stack.kill("worker", signal.SIGCONT)
    hold.release()
    await _check(stack, partner, [order_id])
    sent = [one for one in partner.requests if one.json["orderReference"] == f"order-{order_id}"]
    assert len(sent) == 1


async def test_what_was_bought_while_postgres_died_is_kept(
    stack: Stack, customer: Customer, partner: PartnerServer, pause_folder: Path
) -> None:
    """The reply waits in the worker until the database is back; the partner is asked once."""
    order_id = await customer.buy(await _bare_plan(stack))
    hold = Hold(pause_folder, PausePoint.AFTER_REPLY, order_id)
    await customer.activate(order_id, **ASYNC)
    await hold.reached()
    stack.kill("postgres")
    hold.release()
    await _check(stack, partner, [order_id])
    sent = [one for one in partner.requests if one.json["orderReference"] == f"order-{order_id}"]
    assert len(sent) == 1


@pytest.mark.parametrize("victim", ["postgres", "temporal", "worker", "api"])
async def test_a_killed_process_loses_no_accepted_activation(
    stack: Stack, customer: Customer, partner: PartnerServer, victim: str
) -> None:
    """Half from stock, half bought, the process dies in the middle; everything completes."""
    stocked, bare = await _bare_plan(stack), await _bare_plan(stack)
    await _stock(stack, stocked, 15, f"DIES-{victim.upper()}")
    orders = [await customer.buy(plan_id) for plan_id in [stocked, bare] * 15]
    accepted = await asyncio.gather(*(customer.activate(one, **ASYNC) for one in orders))
    assert {answer.status_code for answer in accepted} == {202}
    stack.kill(victim)
    await stack.ready()
    await _check(stack, partner, orders)
