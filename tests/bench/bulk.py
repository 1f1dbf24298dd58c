"""A database that has grown: so many orders, with everything that comes with them, in a minute.

Row `n` of every table belongs to order `n`. Foreign keys and triggers sleep while it is loaded (the
rows fit each other anyway); every check and every unique index holds at the end.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.rows import run

DAYS = 90
"""The orders were placed evenly over so many days; the last one just now."""

USERS_SHARE = 5
"""So many orders to a customer."""
RESELLER = 1
"""A customer who placed every fiftieth order."""
PLANS = 200
PROVIDERS = ("AIRALO", "CONNECTED_YOU", "ESIM_ACCESS")

_USER = f"""
    CASE WHEN n % 50 = 0 THEN {RESELLER} ELSE 1 + n::bigint * 7919 % (:orders / {USERS_SHARE}) END
"""
_PLAN = f"(1 + n % {PLANS})"
_PROVIDER = f"(ARRAY{list(PROVIDERS)})[1 + n / 5 % 3]"
_WHEN = f"(now() - interval '{DAYS} days' * ((:orders - n)::float / :orders))"
_CODE = "'1$smdp.example.com$BULK-' || lpad(n::text, 12, '0')"
_ICCID = "'8934' || lpad(n::text, 15, '0')"

# A bad day long ago left orders waiting, all in one place: not spread as the planner would guess.
# The newest ones wait for a provider. A tenth was never paid, and a few have just been.
_STATUS = """
    CASE
        WHEN n % 10 = 9 OR n % 1000 = 7 THEN 'PENDING_ACTIVATION'
        WHEN n * 100 / :orders = 10 AND n % 10 = 0 THEN 'PROVISIONING_FAILED'
        WHEN n * 100 / :orders = 10 AND n % 10 = 1 THEN 'EXHAUSTED'
        WHEN n * 100 / :orders = 10 AND n % 20 = 2 THEN 'NEEDS_REVIEW'
        WHEN n * 1000 / :orders = 999 AND n % 2 = 0 THEN 'PENDING_ACTIVATION'
        WHEN n % 100 = 51 THEN 'CANCELLED'
        WHEN n % 100 = 52 THEN 'EXPIRED'
        WHEN n % 5000 = 53 THEN 'RESERVED'
        WHEN n % 5000 = 54 THEN 'ASSIGNED'
        ELSE 'ACTIVATED'
    END
"""
_HAS_AN_ITEM = "status IN ('ACTIVATED', 'ASSIGNED', 'EXPIRED', 'RESERVED')"
# Bought for two orders of five; in doubt, refused or accepted where the order waits.
_BOUGHT = f"({_HAS_AN_ITEM} AND n % 5 < 2)"
_STATE = f"""
    CASE WHEN {_BOUGHT} THEN 'CONFIRMED' WHEN status = 'NEEDS_REVIEW' THEN 'UNKNOWN'
        WHEN status = 'PENDING_ACTIVATION' AND n % 20 = 8 THEN 'ACCEPTED' ELSE 'REFUSED' END
"""

_TABLES: Sequence[tuple[str, str]] = (
    ("carriers", "(name) SELECT 'carrier ' || n FROM generate_series(1, 20) n"),
    (
        "countries",
        (
            "(iso2, name) SELECT chr(65 + n / 26) || chr(65 + n % 26), 'country ' || n"
            " FROM generate_series(0, 99) n"
        ),
    ),
    (
        "plans",
        (
            "(name, country_id, carrier_id, data_gb, duration_days, price_minor_units, external_id)"
            " SELECT 'plan ' || n, 1 + n % 100, 1 + n % 20, 5, 30, 1000, 'PLAN-' || n"
            f" FROM generate_series(1, {PLANS}) n"
        ),
    ),
    (
        "plan_codes",
        (
            "(plan_id, provider, plan_code) SELECT n, p, 'CODE-' || n"
            f" FROM generate_series(1, {PLANS}) n, unnest(ARRAY{list(PROVIDERS)}) p"
        ),
    ),
    (
        "provider_gates",
        f"(provider, last_success_at) SELECT p, now() FROM unnest(ARRAY{list(PROVIDERS)}) p",
    ),
    (
        "users",
        (
            "(email, name) SELECT 'customer-' || n || '@example.com', 'Customer ' || n"
            f" FROM generate_series(1, :orders / {USERS_SHARE}) n"
        ),
    ),
    (
        "orders",
        f"""(user_id, plan_id, status, currency, amount_minor_units, plan_snapshot, paid_at,
            idempotency_key, created_at)
        SELECT {_USER}, {_PLAN}, CASE WHEN n % 10 = 9 THEN 'CREATED' ELSE 'PAID' END, 'USD', 1000,
            '{{"name": "Spain 5GB", "external_id": "ES-5GB", "data_gb": 5, "duration_days": 30}}',
            CASE WHEN n % 10 <> 9 THEN {_WHEN} END, CASE WHEN n % 2 = 0 THEN 'key-' || n END,
            {_WHEN}
        FROM generate_series(1, :orders) n""",
    ),
    (
        "payments",
        f"""(order_id, provider, intent_id, status, amount_minor_units, currency, created_at)
        SELECT n, 'mock', 'pi_' || n, CASE WHEN n % 10 = 9 THEN 'PENDING' ELSE 'SUCCEEDED' END,
            1000, 'USD', {_WHEN}
        FROM generate_series(1, :orders) n""",
    ),
    # An item for each order, given, held or still on the shelf.
    (
        "esim_inventory",
        f"""(plan_id, carrier_id, country_id, activation_code, iccid, qr_payload, instructions,
            status, order_id, provider, reserved_at, assigned_at)
        SELECT {_PLAN}, 1 + n % 20, 1 + n % 100, {_CODE}, {_ICCID}, 'LPA:' || {_CODE}, 'Scan it.',
            CASE WHEN status = 'RESERVED' THEN status WHEN {_HAS_AN_ITEM} THEN 'ASSIGNED'
                ELSE 'AVAILABLE' END,
            CASE WHEN {_HAS_AN_ITEM} THEN n END, CASE WHEN {_BOUGHT} THEN {_PROVIDER} END,
            CASE WHEN {_HAS_AN_ITEM} THEN {_WHEN} END,
            CASE WHEN {_HAS_AN_ITEM} AND status <> 'RESERVED' THEN {_WHEN} END
        FROM (SELECT n, {_STATUS} AS status FROM generate_series(1, :orders) n) told""",
    ),
    (
        "esim_profiles",
        f"""(order_id, user_id, plan_id, country_id, carrier_id, status, inventory_item_id,
            activation_code, iccid, qr_payload, failure_code, failure_reason, failed_rounds,
            created_at, updated_at, started_at, provisioned_at, activated_at)
        SELECT n, {_USER}, {_PLAN}, 1 + n % 100, 1 + n % 20, told.status,
            CASE WHEN {_HAS_AN_ITEM} THEN n END, CASE WHEN {_HAS_AN_ITEM} THEN {_CODE} END,
            CASE WHEN {_HAS_AN_ITEM} THEN {_ICCID} END,
            CASE WHEN {_HAS_AN_ITEM} THEN 'LPA:' || {_CODE} END,
            failure.code, failure.code || ' at ' || {_PROVIDER},
            CASE WHEN code > '' THEN 3 ELSE 0 END, {_WHEN}, {_WHEN},
            CASE WHEN n % 1000 <> 7 THEN {_WHEN} END, {_WHEN}, {_WHEN}
        FROM (SELECT n, {_STATUS} AS status FROM generate_series(1, :orders) n) told
        CROSS JOIN LATERAL (SELECT CASE status
            WHEN 'PROVISIONING_FAILED' THEN 'provider-unavailable'
            WHEN 'EXHAUSTED' THEN 'provider-out-of-stock'
            WHEN 'NEEDS_REVIEW' THEN 'provider-outcome-unknown'
            WHEN 'PENDING_ACTIVATION' THEN
                CASE WHEN n % 10 <> 9 AND n % 1000 <> 7 THEN 'provider-held' END
            END AS code) failure""",
    ),
    (
        "provider_intents",
        f"""(order_id, provider, reference, plan_code, state, request, reply, inventory_item_id,
            provider_order_id, created_at, sent_at, accepted_at, closed_at)
        SELECT n, {_PROVIDER}, 'order-' || n, 'ES-5GB', {_STATE}, '{{"plan": "ES-5GB"}}',
            '{{"status": "done"}}', CASE WHEN {_BOUGHT} THEN n END, 'PO-' || n, {_WHEN}, {_WHEN},
            {_WHEN}, CASE WHEN {_STATE} IN ('CONFIRMED', 'REFUSED') THEN {_WHEN} END
        FROM (SELECT n, {_STATUS} AS status FROM generate_series(1, :orders) n) told
        WHERE n % 10 <> 9 AND n % 1000 <> 7 AND ({_BOUGHT} OR NOT {_HAS_AN_ITEM})""",
    ),
    (
        "provider_webhooks",
        f"""(provider, event_id, kind, trusted, provider_order_id, order_id, received_at)
        SELECT {_PROVIDER}, 'event-' || n, CASE WHEN n % 500 = 0 THEN 'ORDER_FAILED'
            ELSE 'ORDER_READY' END, n % 3 > 0, 'PO-' || n, n, {_WHEN}
        FROM generate_series(1, :orders) n WHERE n % 5 < 2""",
    ),
    (
        "quarantined_replies",
        """(intent_id, order_id, provider, reason, raw)
        SELECT id, order_id, provider, 'No SM-DP+ address.', repeat('x', 2000)
        FROM provider_intents, generate_series(1, 100) WHERE state = 'UNKNOWN'""",
    ),
    (
        "esim_provisioning_events",
        f"""(order_id, kind, actor, workflow_id, payload, created_at)
        SELECT n, 'order_created', 'customer:1', 'activate-esim-' || n,
            jsonb_build_object('item_id', n), {_WHEN}
        FROM generate_series(1, :orders) n""",
    ),
    # One order waits for weeks, a round after the other: it is the loudest one.
    (
        "esim_provisioning_events",
        """(order_id, kind, actor, error_code, error)
        SELECT :orders, 'round_failed', 'worker', 'provider-held', 'The provider is paused.'
        FROM generate_series(1, 1000)""",
    ),
)

# One customer's paid orders that wait for a plan's items, and the items.
_SHELF: Sequence[tuple[str, str]] = (
    *(one for one in _TABLES if one[0] in {"carriers", "countries", "plans"}),
    ("users", "(email) VALUES ('customer@example.com')"),
    (
        "orders",
        """(user_id, plan_id, status, currency, amount_minor_units, paid_at)
        SELECT 1, 1, 'PAID', 'USD', 1000, now() FROM generate_series(1, :orders)""",
    ),
    (
        "esim_profiles",
        """(order_id, user_id, plan_id, country_id, carrier_id)
        SELECT n, 1, 1, 1, 1 FROM generate_series(1, :orders) n""",
    ),
    (
        "esim_inventory",
        f"""(plan_id, activation_code, iccid, qr_payload)
        SELECT 1, {_CODE}, {_ICCID}, 'LPA:' || {_CODE} FROM generate_series(1, :items) n""",
    ),
)

# Foreign keys and triggers do not fire; a commit does not wait for the disk.
_QUIETLY = (
    "SET LOCAL session_replication_role = replica",
    "SET LOCAL synchronous_commit = off",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL maintenance_work_mem = '512MB'",
)


async def load_orders(engine: AsyncEngine, orders: int) -> None:
    """Fill an empty migrated database with so many orders, from 1 on, and what they led to."""
    await _load(engine, _TABLES, orders=orders)


async def load_shelf(engine: AsyncEngine, items: int, *, orders: int) -> None:
    """One plan with so many AVAILABLE items on one shelf, and orders that wait for some of them."""
    await _load(engine, _SHELF, orders=orders, items=items)


async def _load(engine: AsyncEngine, tables: Sequence[tuple[str, str]], **sizes: int) -> None:
    await run(engine, "ALTER SEQUENCE orders_id_seq RESTART WITH 1")
    for table, rows in tables:
        await _fill(engine, table, rows, sizes)
    await _settle(engine)


async def _fill(engine: AsyncEngine, table: str, rows: str, sizes: Mapping[str, int]) -> None:
    """One table, its indexes built afterwards: three times as fast as row by row."""
    for name, size in sizes.items():
        rows = rows.replace(f":{name}", str(size))
    async with engine.begin() as connection:
        for setting in _QUIETLY:
            await connection.execute(text(setting))
        await connection.execute(
            text("UPDATE pg_index SET indisready = false WHERE indrelid = CAST(:t AS regclass)"),
            {"t": table},
        )
        await connection.exec_driver_sql(f"INSERT INTO {table} {rows}".replace("%", "%%"))
        await connection.execute(text(f"REINDEX TABLE {table}"))


async def _settle(engine: AsyncEngine) -> None:
    """As autovacuum would leave it after a while."""
    options = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with options.connect() as connection:
        await connection.execute(text("SET statement_timeout = 0"))
        await connection.execute(text("VACUUM ANALYZE"))
        await connection.execute(text("CHECKPOINT"))
