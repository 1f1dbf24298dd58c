"""The SQL of imports: what is in stock already, all or nothing, and whom new stock may serve."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import stock_import
from db.engine import transaction
from db.stock_import import Scope, StockRow
from domain.errors import DuplicateStock
from domain.stock import StockStatus
from tests.rows import PLAN_ID, paid_order, rows, run, stock_item, value

pytestmark = pytest.mark.usefixtures("catalogue")


def row(line: int, code: str, **columns: Any) -> StockRow:
    """A row of plan 123 whose QR payload is made from its code."""
    sound = StockRow(
        line=line,
        plan_id=PLAN_ID,
        carrier_id=None,
        country_id=None,
        iccid=None,
        status=StockStatus.AVAILABLE,
        activation_code=code,
        qr_payload=code if code.startswith("LPA:") else f"LPA:{code}",
        instructions=None,
        confirmation_code=None,
    )
    return replace(sound, **columns)


async def store(engine: AsyncEngine, stock: Sequence[StockRow]) -> int:
    """Import rows without looking for clashes."""
    async with transaction(engine) as connection:
        await stock_import.open_staging(connection)
        await stock_import.stage(connection, stock)
        return await stock_import.store(connection, "stock.csv", "Grace")


async def clashes(engine: AsyncEngine, stock: Sequence[StockRow]) -> list[tuple[int, str]]:
    """Lines and columns that are in stock already."""
    async with transaction(engine) as connection:
        await stock_import.open_staging(connection)
        await stock_import.stage(connection, stock)
        return [(clash.line, clash.column) for clash in await stock_import.find_clashes(connection)]


async def test_items_are_stored_in_the_order_of_their_lines(engine: AsyncEngine) -> None:
    """Oldest stock goes first, so the file's order is the order of use."""
    stock = [row(line, f"1$a.example$L{line}") for line in (4, 2, 3)]
    import_id = await store(engine, stock)
    stored = await rows(engine, "SELECT * FROM esim_inventory ORDER BY stock_seq")
    assert [item["activation_code"][-2:] for item in stored] == ["L2", "L3", "L4"]
    assert {item["import_id"] for item in stored} == {import_id}


async def test_a_code_in_stock_is_found_however_it_is_written(engine: AsyncEngine) -> None:
    """Bare, with `1$`, or as an LPA string: one profile."""
    await store(engine, [row(2, "1$a.example$X"), row(3, "LPA:1$a.example$Y")])
    await store(engine, [row(2, "INV-1", qr_payload="LPA:1$INV-1")])
    again = [
        row(2, "LPA:1$a.example$X"),
        row(3, "1$a.example$Y"),
        row(4, "1$INV-1", qr_payload="LPA:1$INV-1"),
        row(5, "1$a.example$Z"),
    ]
    assert await clashes(engine, again) == [(line, "activation_code") for line in (2, 3, 4)]


async def test_an_iccid_in_stock_is_found_and_blank_ones_never_are(engine: AsyncEngine) -> None:
    """Two items without an ICCID are two items."""
    iccid = "8934000000000000001"
    await store(engine, [row(2, "1$a.example$X", iccid=iccid), row(3, "1$a.example$Y")])
    again = [row(2, "1$a.example$V", iccid=iccid), row(3, "1$a.example$W")]
    assert await clashes(engine, again) == [(2, "iccid")]


async def test_what_came_in_meanwhile_stops_the_whole_import(engine: AsyncEngine) -> None:
    """The unique constraints stand behind the check: nothing is half imported."""
    await store(engine, [row(2, "1$a.example$X")])
    with pytest.raises(DuplicateStock) as refused:
        await store(engine, [row(2, "1$a.example$NEW"), row(3, "1$a.example$X")])
    assert "a.example" not in str(refused.value)
    assert await value(engine, "SELECT count(*) FROM esim_inventory") == 1
    assert await value(engine, "SELECT count(*) FROM inventory_imports") == 1


@pytest.mark.parametrize(
    ("scope", "serves"),
    [
        ((PLAN_ID, None, None), True),
        ((PLAN_ID, 1, 1), True),
        ((None, None, None), True),
        ((None, 1, None), True),
        ((None, None, 1), True),
        ((7, None, None), False),
        ((PLAN_ID, 2, None), False),
        ((PLAN_ID, None, 2), False),
        ((None, 2, None), False),
    ],
)
async def test_stock_wakes_the_orders_it_could_be_given_to(
    engine: AsyncEngine, scope: Scope, *, serves: bool
) -> None:
    """What the reservation would take for an order is what wakes it."""
    await run(engine, "INSERT INTO carriers (name) VALUES ('Hexagone')")
    await run(engine, "INSERT INTO countries (iso2, name) VALUES ('FR', 'France')")
    await run(engine, "INSERT INTO plans (id, name, price_minor_units) VALUES (7, 'World', 1)")
    order_id = await paid_order(engine)
    await run(engine, "UPDATE esim_profiles SET status = 'EXHAUSTED', failure_code = 'test'")
    plan_id, carrier_id, country_id = scope
    await stock_item(engine, plan_id=plan_id, carrier_id=carrier_id, country_id=country_id)
    async with transaction(engine) as connection:
        woken = await stock_import.exhausted_orders(connection, {scope}, limit=1000)
    assert woken == ([order_id] if serves else [])


async def test_only_exhausted_orders_are_woken_oldest_first(engine: AsyncEngine) -> None:
    """Any scope of several may match; whoever waits for something else sleeps on."""
    waiting = [await paid_order(engine) for _ in range(3)]
    await run(engine, "UPDATE esim_profiles SET status = 'EXHAUSTED', failure_code = 'test'")
    other = await paid_order(engine)
    park = (
        "UPDATE esim_profiles SET status = 'NEEDS_REVIEW', failure_code = 'x' WHERE order_id = :o"
    )
    await run(engine, park, o=other)
    async with transaction(engine) as connection:
        scopes = {(PLAN_ID, None, None), (7, None, None)}
        assert await stock_import.exhausted_orders(connection, scopes, limit=1000) == waiting
        some = await stock_import.exhausted_orders(connection, scopes, limit=2)
        assert some == waiting[:2]
        assert await stock_import.exhausted_orders(connection, set(), limit=1000) == []
