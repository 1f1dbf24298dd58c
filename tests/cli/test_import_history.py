"""Import of what orders were given before the move: they answer with it, and never buy."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.cli.stock_rows import iccid, row
from tests.cli.test_import_stock import CODE, MORE_CATALOGUE, Import, imports, stock_count
from tests.rows import paid_order, rows, run

__all__ = ["imports"]

pytestmark = pytest.mark.usefixtures("stocked", "catalogue")


async def test_history_answers_its_old_code_and_is_never_activated_again(
    imports: Import, engine: AsyncEngine
) -> None:
    """An order that was served before the move has its eSIM, reference and trail included."""
    order_id = await paid_order(engine)
    by_hand = await paid_order(engine)
    await run(engine, "DELETE FROM esim_profiles WHERE order_id = :id", id=by_hand)
    given = {"status": "ASSIGNED", "provider_reference": "OLD-7"}
    done = imports(
        [row(1, order_id=order_id, **given), row(2, order_id=by_hand, **given), row(3)],
        "--actor",
        "Grace",
    )
    assert done.code == 0, done.err
    profiles = await rows(
        engine,
        "SELECT p.order_id, p.status, p.activation_code, p.iccid, p.provider_reference,"
        " i.status AS item, i.order_id AS owner FROM esim_profiles p"
        " JOIN esim_inventory i ON i.id = p.inventory_item_id ORDER BY p.order_id",
    )
    assert [tuple(profile.values()) for profile in profiles] == [
        (order, "ACTIVATED", f"{CODE}-{n}", iccid(n), "OLD-7", "ASSIGNED", order)
        for n, order in ((1, order_id), (2, by_hand))
    ]
    events = await rows(
        engine, "SELECT kind, actor, to_status FROM esim_provisioning_events ORDER BY id"
    )
    expected = {"kind": "history_imported", "actor": "Grace", "to_status": "ACTIVATED"}
    assert events == [expected] * 2
    assert imports([row(1, order_id=order_id, **given)]).code == 1


async def test_history_of_an_order_that_cannot_have_it_is_a_fault(
    imports: Import, engine: AsyncEngine
) -> None:
    """No such order, not paid, for another plan, or with an activation of its own."""
    await run(engine, MORE_CATALOGUE[2])
    unpaid = await paid_order(engine, status="REFUNDED")
    other_plan = await paid_order(engine, 7)
    under_way, twice = await paid_order(engine), await paid_order(engine)
    await run(
        engine, "UPDATE esim_profiles SET started_at = now() WHERE order_id = :i", i=under_way
    )
    orders = (10**9, unpaid, other_plan, under_way, twice, twice)
    done = imports([row(n, order_id=each, status="ASSIGNED") for n, each in enumerate(orders)])
    assert done.code == 1
    for reason in (
        f"There is no order {10**9}.",
        f"Order {unpaid} is REFUNDED, not PAID",
        f"Order {other_plan} is for plan 7.",
        f"Order {under_way} has an activation of its own already.",
        f"Order {twice} is in line 6 already.",
    ):
        assert reason in done.err
    assert await stock_count(engine) == 0
