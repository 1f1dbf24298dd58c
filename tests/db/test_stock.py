"""Taking stock: the right item, never the same one twice, never by walking the table."""

import asyncio
import json
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from db import good_path, stock
from db.engine import transaction
from db.stock import BoughtItem
from domain.errors import DuplicateStock, StaleWrite
from tests.rows import PLAN_ID, paid_order, rows, run, stock_item, value

pytestmark = pytest.mark.usefixtures("catalogue")


async def _take(engine: AsyncEngine, order_id: int) -> int | None:
    async with transaction(engine) as connection:
        return await stock.take(
            connection, order_id=order_id, plan_id=PLAN_ID, carrier_id=1, country_id=1
        )


async def test_the_most_specific_item_goes_first(engine: AsyncEngine) -> None:
    """Plan before carrier before country; what fits anything goes last."""
    targets = [
        (None, None, None),
        (None, None, 1),
        (None, 1, None),
        (None, 1, 1),
        (PLAN_ID, None, None),
        (PLAN_ID, None, 1),
        (PLAN_ID, 1, None),
        (PLAN_ID, 1, 1),
    ]
    items = [
        await stock_item(engine, number, plan_id=plan, carrier_id=carrier, country_id=country)
        for number, (plan, carrier, country) in enumerate(targets)
    ]
    taken = [await _take(engine, await paid_order(engine)) for _ in items]
    assert taken == items[::-1]
    assert await _take(engine, await paid_order(engine)) is None


async def test_the_oldest_of_equals_goes_first(engine: AsyncEngine) -> None:
    """First in, first out."""
    items = [await stock_item(engine, number) for number in range(3)]
    assert [await _take(engine, await paid_order(engine)) for _ in items] == items


async def test_what_names_another_plan_carrier_or_country_is_left(engine: AsyncEngine) -> None:
    """An item that does not fit is not stock for this order."""
    await run(engine, "INSERT INTO countries (iso2, name) VALUES ('FR', 'France')")
    await stock_item(engine, plan_id=None, country_id=2)
    assert await _take(engine, await paid_order(engine)) is None


async def test_what_has_expired_is_left(engine: AsyncEngine) -> None:
    """Before anything less specific is taken; what expires later, or never, is stock."""
    expired, running, lasting = [await stock_item(engine, number) for number in range(3)]
    fitting_all = await stock_item(engine, 3, plan_id=None)
    until = "UPDATE esim_inventory SET expires_at = now() + CAST(:after AS interval) WHERE id = :id"
    await run(engine, until, after="-1 second", id=expired)
    await run(engine, until, after="1 hour", id=running)
    taken = [await _take(engine, await paid_order(engine)) for _ in range(4)]
    assert taken == [running, lasting, fitting_all, None]


async def test_forty_racing_orders_never_share_an_item(engine: AsyncEngine) -> None:
    """Forty connections on thirty items: thirty different ones, ten without."""
    for number in range(30):
        await stock_item(engine, number)
    orders = [await paid_order(engine) for _ in range(40)]
    taken = await asyncio.gather(*(_take(engine, order_id) for order_id in orders))
    got = [item_id for item_id in taken if item_id is not None]
    assert len(got) == len(set(got)) == 30


async def test_a_write_on_a_changed_item_is_an_error(engine: AsyncEngine) -> None:
    """An UPDATE that changes no row raises instead of passing for done."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await _take(engine, order_id)
    async with transaction(engine) as connection:
        item = await stock.held_by(connection, order_id)
    assert item is not None
    await run(engine, "UPDATE esim_inventory SET status = 'AVAILABLE', order_id = NULL")
    with pytest.raises(StaleWrite):
        async with transaction(engine) as connection:
            await stock.assign(connection, item)


async def _fill(engine: AsyncEngine, count: int) -> None:
    await run(
        engine,
        "INSERT INTO esim_inventory (plan_id, activation_code, iccid)"
        " SELECT :plan, '1$smdp.example.com$' || n, '8' || lpad(n::text, 18, '0')"
        " FROM generate_series(1, :count) AS n",
        plan=PLAN_ID,
        count=count,
    )
    async with engine.connect() as connection:
        raw = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await raw.execute(text("VACUUM ANALYZE esim_inventory"))


async def _rows_walked(engine: AsyncEngine, statement: TextClause) -> tuple[float, str]:
    """How many rows one reservation touches, by EXPLAIN ANALYZE, rolled back."""
    order = {"order_id": await paid_order(engine)}
    place = {"plan_id": PLAN_ID, "carrier_id": 1, "country_id": 1}
    origin = {"actor": "test", "attempt": 1, "workflow_id": "w", "run_id": "r"}
    async with engine.connect() as connection:
        explain = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}")
        [plan] = (await connection.execute(explain, order | place | origin)).scalar_one()
        await connection.rollback()
    walked = 0.0
    nodes = [plan["Plan"]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        touched = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        walked += touched * node["Actual Loops"]
    return walked, json.dumps(plan)


@pytest.mark.parametrize("statement", [stock.TAKE, good_path.RESERVE], ids=["take", "reserve"])
@pytest.mark.parametrize("drained", [0, 18_000], ids=["fresh", "drained"])
async def test_a_reservation_uses_the_stock_index(
    engine: AsyncEngine, drained: int, statement: TextClause
) -> None:
    """On fresh and on drained stock alike it touches a handful of rows, not the table."""
    await _fill(engine, 20_000)
    if drained:
        await run(
            engine,
            "UPDATE esim_inventory SET status = 'RETIRED', retired_at = now()"
            " WHERE stock_seq <= :drained",
            drained=drained,
        )
        await run(engine, "ANALYZE esim_inventory")
    walked, plan = await _rows_walked(engine, statement)
    assert "ix_esim_inventory_stock" in plan
    assert "Seq Scan" not in plan
    assert walked < 30


async def test_a_released_item_can_be_taken_again(engine: AsyncEngine) -> None:
    """Back on the shelf it is like any other."""
    item_id = await stock_item(engine)
    first, second = await paid_order(engine), await paid_order(engine)
    await _take(engine, first)
    async with transaction(engine) as connection:
        item = await stock.held_by(connection, first)
        assert item is not None
        await stock.release(connection, item)
    assert await _take(engine, second) == item_id
    assert [row["order_id"] for row in await rows(engine, "SELECT * FROM esim_inventory")] == [
        second
    ]
    assert await value(engine, "SELECT count(*) FROM esim_inventory") == 1


BARE = "smdp.example.com$AB-1"
SPELLINGS = (f"LPA:1${BARE}", f"1${BARE}", BARE)


def _bought(order_id: int, **changes: Any) -> BoughtItem:
    """What a provider sold for an order."""
    item = BoughtItem(
        order_id=order_id,
        plan_id=PLAN_ID,
        carrier_id=None,
        country_id=None,
        provider="CONNECTED_YOU",
        provider_reference=f"order-{order_id}",
        iccid="8934000000000000001",
        activation_code=SPELLINGS[1],
        qr_payload=SPELLINGS[0],
    )
    return replace(item, **changes)


@pytest.mark.parametrize("sold", SPELLINGS)
@pytest.mark.parametrize("stocked", SPELLINGS)
async def test_a_code_that_is_in_stock_in_any_spelling_is_not_added(
    engine: AsyncEngine, stocked: str, sold: str
) -> None:
    """Without an ICCID the code alone tells: neither for an order nor for stock."""
    await run(
        engine,
        "INSERT INTO esim_inventory (activation_code, qr_payload) VALUES (:code, :payload)",
        code=stocked,
        payload=SPELLINGS[0],
    )
    purchase = _bought(await paid_order(engine), activation_code=sold, iccid=None)
    with pytest.raises(DuplicateStock) as refused:
        async with transaction(engine) as connection:
            await stock.add_bought(connection, purchase)
    assert BARE not in str(refused.value)
    with pytest.raises(DuplicateStock):
        async with transaction(engine) as connection:
            await stock.add_unwanted(connection, purchase, resell=True)
    assert await value(engine, "SELECT count(*) FROM esim_inventory") == 1


OTHER = {"activation_code": "1$smdp.example.com$AB-2", "qr_payload": "LPA:1$smdp.example.com$AB-2"}


@pytest.mark.parametrize(
    ("earlier", "later", "taken"),
    [
        ({"iccid_scope": 1}, {"iccid_scope": 2}, True),
        ({"iccid_scope": 1}, {"iccid_scope": 0}, False),
        ({"iccid_scope": 0}, {"iccid_scope": 2}, False),
        ({"iccid_scope": 0}, {"iccid_scope": 0}, False),
        ({"iccid": None, "sale_id": "E-1"}, {"iccid": None, "sale_id": "E-2"}, True),
        ({"iccid": None, "sale_id": "E-1"}, {"iccid": None, "sale_id": "E-1"}, False),
        (
            {"iccid": None, "sale_id": "E-1"},
            {"iccid": None, "sale_id": "E-1", "provider": "AIRALO"},
            True,
        ),
    ],
    ids=[
        "an ICCID that came back",
        "one that must be alone, after another",
        "another, after one that must be alone",
        "two that must be alone",
        "two sales",
        "one sale twice",
        "one name at two providers",
    ],
)
async def test_a_sale_is_known_by_its_name_and_its_code_and_by_a_promised_iccid(
    engine: AsyncEngine, earlier: dict[str, Any], later: dict[str, Any], taken: bool
) -> None:
    """The second sale has a code of its own, and is kept unless it must be the first one."""
    first, second = [await paid_order(engine) for _ in range(2)]
    async with transaction(engine) as connection:
        await stock.add_bought(connection, _bought(first, **earlier))
    with nullcontext() if taken else pytest.raises(DuplicateStock):
        async with transaction(engine) as connection:
            await stock.add_bought(connection, _bought(second, **OTHER, **later))
    assert await value(engine, "SELECT count(*) FROM esim_inventory") == 1 + taken


async def test_no_statement_gives_one_code_or_one_iccid_of_stock_to_two(
    engine: AsyncEngine,
) -> None:
    """Whatever a defect of ours, or somebody with SQL, would do: the database refuses."""
    for number in range(2):
        await stock_item(engine, number)
        await paid_order(engine)
    for statement in (
        "UPDATE esim_inventory SET activation_code = 'one'",
        "UPDATE esim_inventory SET iccid = '8934000000000000009'",
        "UPDATE esim_profiles SET qr_payload = 'LPA:1$smdp.example.com$ONE'",
    ):
        with pytest.raises(DuplicateStock):
            async with transaction(engine) as connection:
                await connection.execute(text(statement))
