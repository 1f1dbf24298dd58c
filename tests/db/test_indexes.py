"""Every query of the service is served by an index, and reads no more rows than it has to.

Postgres counts inside of each query's own transaction, functions and triggers included: no plan is
read, and no time is taken.
"""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tests.bench.bulk import load_orders
from tests.bench.queries import QUERIES, Place
from tests.rows import rows, value

ORDERS = 10_000
SMALL = ("carriers", "countries", "plans", "plan_codes", "provider_gates", "user_roles")

# Nobody asks by these: they keep two orders from having one eSIM, or one sale, and one payment from
# counting twice.
ONLY_UNIQUE = {
    "uq_carriers_name",
    "uq_countries_iso2",
    "uq_esim_inventory_provider_sale_id",
    "uq_esim_profiles_inventory_item_id",
    "uq_esim_profiles_qr_payload",
    "uq_payments_one_success",
    "uq_users_email",
}

_READ = text("""
    SELECT relname AS table, seq_scan AS scans, seq_tup_read + COALESCE(idx_tup_fetch, 0) AS rows
    FROM pg_stat_xact_user_tables WHERE schemaname = 'public' AND relname <> ALL (:small)
""")


@pytest.fixture
async def grown(engine: AsyncEngine) -> AsyncEngine:
    """A database with some thousands of orders and what they led to."""
    await load_orders(engine, ORDERS)
    return engine


async def test_queries_read_no_more_than_they_need(grown: AsyncEngine) -> None:
    """No query scans a table that grows, or looks at more of its rows than it says."""
    too_much = {}
    for query in QUERIES:
        async with grown.connect() as connection:
            before = await _read(connection)
            await query.ask(connection, Place(ORDERS, 1))
            after = await _read(connection)
            await connection.rollback()
        for table, (scans, read) in after.items():
            scans_before, read_before = before.get(table, (0, 0))
            if scans > scans_before or read - read_before > query.reads:
                too_much[query.name, table] = (scans - scans_before, read - read_before)
    assert too_much == {}


async def _read(connection: AsyncConnection) -> dict[str, tuple[int, int]]:
    """Sequential scans and rows read so far, by table."""
    found = await connection.execute(_READ, {"small": list(SMALL)})
    return {row.table: (row.scans, row.rows) for row in found}


async def test_every_index_serves_a_query_or_keeps_something_unique(grown: AsyncEngine) -> None:
    """An index that nothing reads costs every write, and is not kept."""
    async with grown.connect() as connection:
        for query in QUERIES:
            await query.ask(connection, Place(ORDERS, 1))
            await connection.rollback()
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))
        await connection.commit()
    unused = await rows(
        grown,
        "SELECT indexrelname AS name FROM pg_stat_user_indexes WHERE idx_scan = 0"
        " AND indexrelname NOT LIKE 'pk_%' AND relname <> ALL (:small)",
        small=[*SMALL, "alembic_version"],
    )
    assert {row["name"] for row in unused} <= ONLY_UNIQUE


async def test_stock_is_vacuumed_before_reservations_become_slow(engine: AsyncEngine) -> None:
    """What was taken lies in front of the shelf; autovacuum does not wait for a fifth of it."""
    options = await value(
        engine, "SELECT reloptions FROM pg_class WHERE relname = 'esim_inventory'"
    )
    assert set(options) == {
        "autovacuum_vacuum_scale_factor=0",
        "autovacuum_vacuum_threshold=20000",
        "vacuum_index_cleanup=on",
    }
