"""Rows are read as what they are, and columns are written by names that mypy knows."""

import ast
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, Table, func, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db import catalogue, columns, events, payments, profiles, review_views, tables, users
from db import orders as orders_module
from db.columns import OrderColumns
from db.engine import transaction
from db.rows import all_of, changed_one, claimed, one
from db.tables import orders
from domain.errors import StaleWrite

DB = Path(__file__).parent.parent.parent / "db"
WRITTEN = {
    columns.UserColumns: tables.users,
    columns.RoleColumns: tables.user_roles,
    columns.OrderColumns: tables.orders,
    columns.PaymentColumns: tables.payments,
    columns.EventColumns: tables.esim_provisioning_events,
    columns.ProfileColumns: tables.esim_profiles,
    columns.StockColumns: tables.esim_inventory,
    columns.ImportColumns: tables.inventory_imports,
    columns.PurchaseColumns: tables.provider_intents,
    columns.GateColumns: tables.provider_gates,
    columns.NoticeColumns: tables.provider_webhooks,
    columns.ReplyColumns: tables.quarantined_replies,
}
READS: list[tuple[Select[Any], type]] = [
    (catalogue.READ, catalogue.Plan),
    (events.TIMELINE, events.Event),
    (orders_module.READ, orders_module.Order),
    (payments.READ, payments.Payment),
    (profiles.READ, profiles.Profile),
    (review_views.READ, review_views.Review),
    (review_views.READ_REPLIES, review_views.KeptReply),
    (users.READ, users.User),
]


@dataclass(frozen=True)
class Pair:
    """A row of two columns."""

    left: int
    right: str


@pytest.mark.parametrize("written", WRITTEN, ids=lambda written: written.__name__)
def test_columns_are_the_tables_own(written: type) -> None:
    """No name is missing and none is invented."""
    table: Table = WRITTEN[written]
    assert set(written.__annotations__) == set(table.columns.keys())


def test_a_misspelt_column_or_a_wrong_value_fails_mypy() -> None:
    """Each `ignore` is needed: mypy's strictness refuses one that hides no error."""
    assert OrderColumns(stauts="paid")  # type: ignore[typeddict-unknown-key]
    assert OrderColumns(user_id="seven")  # type: ignore[typeddict-item]
    assert OrderColumns(paid_at=func.now())


def test_no_statement_takes_columns_that_mypy_does_not_see() -> None:
    """`.values(status=...)` would be checked by nobody before it runs."""
    unseen = [
        f"{path.name}:{call.lineno}"
        for path in sorted(DB.glob("*.py"))
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "values"
        and call.keywords
    ]
    assert unseen == []


def test_a_statements_count_is_looked_at_in_one_place() -> None:
    """Whoever counts rows by hand may forget to; an import counts those of its whole file."""
    counting = {path.name for path in DB.glob("*.py") if ".rowcount" in path.read_text()}
    assert counting == {"rows.py", "stock_history.py", "stock_import.py"}


async def test_rows_come_as_the_class_they_are_read_as(engine: AsyncEngine) -> None:
    """One, none, and several in order."""
    statement = select(literal(1).label("left"), literal("a").label("right"))
    async with transaction(engine) as connection:
        assert await one(connection, statement, Pair) == Pair(1, "a")
        assert await one(connection, statement.where(text("false")), Pair) is None
        several = statement.union(select(literal(2), literal("b"))).order_by("left")
        assert await all_of(connection, several, Pair) == [Pair(1, "a"), Pair(2, "b")]


async def test_a_write_that_changes_no_row_is_stale(engine: AsyncEngine) -> None:
    """The sentence says which; a claim says only whether it was won."""
    nobody = update(orders).where(orders.c.id == -1).values(OrderColumns(currency="EUR"))
    async with transaction(engine) as connection:
        assert not await claimed(connection, nobody)
        with pytest.raises(StaleWrite, match=r"^Order -1 changed meanwhile\.$"):
            await changed_one(connection, nobody, "Order -1 changed meanwhile.")


@pytest.mark.parametrize(("read", "kind"), READS, ids=lambda each: getattr(each, "__name__", ""))
def test_the_fields_of_a_row_are_the_columns_that_are_selected(
    read: Select[Any], kind: type
) -> None:
    """A column that a row lacks, or that is not selected, would show at the first read only."""
    assert set(read.selected_columns.keys()) == {field.name for field in fields(kind)}
