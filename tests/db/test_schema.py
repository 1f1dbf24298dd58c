"""The schema says what the domain says."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain import profile, purchase, stock
from domain.profile import ProfileStatus
from domain.purchase import PurchaseState
from domain.stock import StockStatus
from tests.doubts import in_doubt
from tests.notices import bought_item
from tests.notices import purchase as bought
from tests.rows import force, paid_order, rows, run, stock_item, value

ROOT = Path(__file__).parents[2]

# What a row of each state must hold besides its status, so that only the edge is judged.
_PROFILE = (
    "UPDATE esim_profiles SET status = :status, inventory_item_id = 1, activation_code = 'x',"
    " provisioned_at = now(), failure_code = 'x'"
)
_PURCHASE = (
    "UPDATE provider_intents SET state = CAST(:state AS text), provider_order_id = 'P-1',"
    " resolution = CASE WHEN CAST(:state AS text) = 'RESOLVED' THEN 'ABSENT' END,"
    " resolved_by = 'ana', resolved_reason = 'a test'"
)
_ITEM = "UPDATE esim_inventory SET status = :status, order_id = :order_id"
_REFUSES_LOCKED_WRITES = """
    CREATE FUNCTION refuse_locked_writes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid()
                   AND locktype = 'relation' AND mode = 'AccessExclusiveLock'
                   AND relation IN ('esim_inventory'::regclass, 'provider_intents'::regclass)) THEN
            RAISE EXCEPTION 'nobody can read meanwhile';
        END IF;
        RETURN NEW;
    END $$
"""


def test_tables_and_migrations_agree(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`alembic check` finds nothing that a migration is missing for."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    command.check(Config(ROOT / "alembic.ini"))


def test_every_migration_can_be_undone(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Down to nothing and up again, on a database that has rows nowhere."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    command.downgrade(Config(ROOT / "alembic.ini"), "base")
    command.upgrade(Config(ROOT / "alembic.ini"), "head")


@pytest.mark.usefixtures("catalogue")
async def test_confirmation_codes_of_earlier_activations_reach_their_profiles(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0002 copies them from the assigned items; an item that is only held keeps its own."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    await asyncio.to_thread(command.downgrade, Config(ROOT / "alembic.ini"), "0001")
    for number, status in enumerate(("ACTIVATED", "RESERVED"), 1):
        item_id, order_id = await stock_item(engine, number), await paid_order(engine)
        await run(
            engine,
            "UPDATE esim_inventory SET confirmation_code = :code, order_id = :order_id,"
            " status = 'RESERVED', reserved_at = now() WHERE id = :item_id",
            code=f"4711-{number}",
            order_id=order_id,
            item_id=item_id,
        )
        await force(
            engine,
            "UPDATE esim_profiles SET status = :status, inventory_item_id = :item_id,"
            " activation_code = 'x', provisioned_at = now() WHERE order_id = :order_id",
            status=status,
            order_id=order_id,
            item_id=item_id,
        )
    await asyncio.to_thread(command.upgrade, Config(ROOT / "alembic.ini"), "head")
    codes = await rows(engine, "SELECT status, confirmation_code FROM esim_profiles ORDER BY id")
    assert [tuple(row.values()) for row in codes] == [("ACTIVATED", "4711-1"), ("RESERVED", None)]


@pytest.mark.usefixtures("catalogue")
async def test_earlier_sales_let_their_iccids_come_back_and_earlier_calls_count_as_unheard(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0008 gives each sold item its purchase as scope, stock none; nobody knows what was heard."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    await asyncio.to_thread(command.downgrade, Config(ROOT / "alembic.ini"), "0007")
    await stock_item(engine, 7)
    sold, accepted = [await paid_order(engine) for _ in range(2)]
    item_id = await bought_item(engine, sold, "8934000000000000001", "AIRALO")
    intent_id = await bought(engine, sold, provider="AIRALO", state="CONFIRMED", item_id=item_id)
    await bought(engine, accepted, provider="ES2PLUS")
    await run(engine, "UPDATE provider_intents SET accepted_at = now()")
    await asyncio.to_thread(command.upgrade, Config(ROOT / "alembic.ini"), "head")
    scopes = await rows(engine, "SELECT iccid_scope FROM esim_inventory ORDER BY provider")
    assert [row["iccid_scope"] for row in scopes] == [intent_id, 0]
    unheard = "SELECT provider FROM provider_intents WHERE unheard_since IS NOT NULL"
    assert await rows(engine, unheard) == [{"provider": "ES2PLUS"}]


@pytest.mark.usefixtures("catalogue")
async def test_no_table_is_locked_while_0008_writes_the_rows_of_earlier_sales(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody is served for as long as all sold items take."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    await asyncio.to_thread(command.downgrade, Config(ROOT / "alembic.ini"), "0007")
    order_id = await paid_order(engine)
    item_id = await bought_item(engine, order_id, "8934000000000000001", "AIRALO")
    await bought(engine, order_id, provider="AIRALO", state="CONFIRMED", item_id=item_id)
    await _upgrade_unlocked(engine)
    assert await value(engine, "SELECT iccid_scope <> 0 FROM esim_inventory")


@pytest.mark.usefixtures("catalogue")
async def test_no_table_is_locked_while_0012_settles_old_codes(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no code leaves the shelf while others read it."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    await asyncio.to_thread(command.downgrade, Config(ROOT / "alembic.ini"), "0011")
    await stock_item(engine)
    await run(engine, "UPDATE esim_inventory SET activation_code = 'PENDING', qr_payload = NULL")
    await _upgrade_unlocked(engine)
    assert await value(engine, "SELECT status FROM esim_inventory") == "RETIRED"


async def _upgrade_unlocked(engine: AsyncEngine) -> None:
    """Upgrade to the head; a write of stock that holds a lock against readers fails it."""
    await run(engine, _REFUSES_LOCKED_WRITES)
    await run(
        engine,
        "CREATE TRIGGER watched BEFORE UPDATE ON esim_inventory"
        " FOR EACH ROW EXECUTE FUNCTION refuse_locked_writes()",
    )
    await asyncio.to_thread(command.upgrade, Config(ROOT / "alembic.ini"), "head")
    await run(engine, "DROP FUNCTION refuse_locked_writes CASCADE")


def test_every_migration_gives_up_early_on_locks() -> None:
    """Each script and the template set a lock_timeout both ways."""
    scripts = [*(ROOT / "db/migrations/versions").glob("*.py")]
    for script in [*scripts, ROOT / "db/migrations/script.py.mako"]:
        assert script.read_text().count("SET lock_timeout") == 2, script.name


async def _refused(engine: AsyncEngine, statement: str, **values: object) -> bool:
    """Whether our trigger refuses; every trial is rolled back."""
    async with engine.connect() as connection:
        try:
            await connection.execute(text(statement), values)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != "ES001":
                raise
            return True
        await connection.rollback()
        return False


@pytest.mark.usefixtures("catalogue")
async def test_the_database_refuses_exactly_the_profile_edges_that_the_domain_lacks(
    engine: AsyncEngine,
) -> None:
    """Every pair of states is tried in Postgres and compared with the table."""
    await stock_item(engine)
    await paid_order(engine)
    for source in ProfileStatus:
        await force(engine, _PROFILE, status=source.name)
        for target in set(ProfileStatus) - {source}:
            refused = await _refused(engine, _PROFILE, status=target.name)
            assert refused is (target not in profile.TRANSITIONS[source]), (source, target)


@pytest.mark.usefixtures("catalogue")
async def test_the_database_refuses_exactly_the_inventory_edges_that_the_domain_lacks(
    engine: AsyncEngine,
) -> None:
    """Every pair of states is tried in Postgres and compared with the table."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await run(engine, "UPDATE esim_inventory SET reserved_at = now(), assigned_at = now()")
    for source in StockStatus:
        await force(
            engine,
            _ITEM,
            status=source.name,
            order_id=_order_of(source, order_id),
        )
        for target in set(StockStatus) - {source}:
            refused = await _refused(
                engine, _ITEM, status=target.name, order_id=_order_of(target, order_id)
            )
            expected = target not in stock.TRANSITIONS[source]
            assert refused is expected, (source, target)


@pytest.mark.usefixtures("catalogue")
async def test_the_database_refuses_exactly_the_purchase_edges_that_the_domain_lacks(
    engine: AsyncEngine,
) -> None:
    """Every pair of states is tried in Postgres and compared with the table."""
    await in_doubt(engine, await paid_order(engine))
    for source in PurchaseState:
        await force(engine, _PURCHASE, state=source.name)
        for target in set(PurchaseState) - {source}:
            refused = await _refused(engine, _PURCHASE, state=target.name)
            assert refused is (target not in purchase.TRANSITIONS[source]), (source, target)


def _order_of(status: StockStatus, order_id: int) -> int | None:
    return None if status is StockStatus.AVAILABLE else order_id


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE esim_provisioning_events SET actor = 'someone else'",
        "DELETE FROM esim_provisioning_events",
        "TRUNCATE esim_provisioning_events",
    ],
)
async def test_the_trail_cannot_be_altered(engine: AsyncEngine, statement: str) -> None:
    """Not even by the owner of the table."""
    order_id = await paid_order(engine)
    await run(
        engine,
        "INSERT INTO esim_provisioning_events (order_id, kind, actor) VALUES (:id, 'x', 'ana')",
        id=order_id,
    )
    with pytest.raises(DBAPIError, match="append-only"):
        await run(engine, statement)


@pytest.mark.usefixtures("catalogue")
async def test_the_documented_insert_works_as_written(engine: AsyncEngine) -> None:
    """Ops' own statement makes an AVAILABLE item, flagged as not installable by QR."""
    await run(
        engine,
        """
        INSERT INTO esim_inventory (plan_id, carrier_id, country_id, activation_code, iccid,
            qr_payload, instructions)
        VALUES (123, NULL, NULL, 'INV-ABC123', '89010000000000000123', 'LPA:1$INV-ABC123',
            'Install via device settings')
        """,
    )
    assert await value(engine, "SELECT status FROM esim_inventory") == "AVAILABLE"
    assert await value(engine, "SELECT installable FROM esim_inventory") is False


@pytest.mark.usefixtures("catalogue")
async def test_a_full_lpa_string_is_installable(engine: AsyncEngine) -> None:
    """The flag is computed from the stored text."""
    await stock_item(engine)
    assert await value(engine, "SELECT installable FROM esim_inventory") is True
