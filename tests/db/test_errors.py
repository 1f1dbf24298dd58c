"""What leaves the database layer when Postgres refuses: domain errors without a value in them."""

import traceback

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine, transaction
from domain.errors import DuplicateStock, EsimError, StorageFault, StorageUnavailable

CANARY = "1$smdp.example.com$CANARY-9F2K"
INSERT = "INSERT INTO esim_inventory (activation_code, iccid) VALUES (:code, :iccid)"

pytestmark = pytest.mark.usefixtures("catalogue")


async def _fail(engine: AsyncEngine, statement: str, **values: object) -> EsimError:
    with pytest.raises(EsimError) as caught:
        async with transaction(engine) as connection:
            await connection.execute(text(statement), values)
    return caught.value


async def test_a_duplicate_code_is_named_without_quoting_it(engine: AsyncEngine) -> None:
    """Postgres quotes the key in its DETAIL; nothing that can be printed of the error does."""
    async with transaction(engine) as connection:
        await connection.execute(text(INSERT), {"code": CANARY, "iccid": "8" * 19})
    error = await _fail(engine, INSERT, code=CANARY, iccid="9" * 19)
    assert isinstance(error, DuplicateStock)
    assert "CANARY" not in "".join(traceback.format_exception(error))


async def test_a_refused_value_is_not_quoted(engine: AsyncEngine) -> None:
    """A CHECK violation prints the whole row in Postgres, and only its name here."""
    error = await _fail(engine, INSERT, code=CANARY, iccid="not-an-iccid")
    assert isinstance(error, StorageFault)
    assert "ck_esim_inventory_iccid" in str(error)
    assert "CANARY" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "sqlstate", ["57P01", "53300", "40001", "40P01", "55P03", "08006", "57014"]
)
async def test_what_mends_by_waiting_is_unavailable(engine: AsyncEngine, sqlstate: str) -> None:
    """Shutdown, too many connections, serialization, deadlock, lock and statement timeouts."""
    error = await _fail(
        engine,
        f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END $$",
    )
    assert isinstance(error, StorageUnavailable)


async def test_a_defect_does_not_mend_by_waiting(engine: AsyncEngine) -> None:
    """A statement that Postgres cannot parse is a fault of ours."""
    assert isinstance(await _fail(engine, "SELECT nonsense FROM nowhere"), StorageFault)


async def test_a_database_that_is_away_is_unavailable() -> None:
    """Nothing listens there: the same step works later."""
    engine = create_engine("postgresql+psycopg://esim@127.0.0.1:9/esim", connect_timeout_seconds=1)
    assert isinstance(await _fail(engine, "SELECT 1"), StorageUnavailable)
    await engine.dispose()


async def test_an_exhausted_pool_is_unavailable(database_url: str) -> None:
    """Every connection in use: the next step waits its time and can be repeated."""
    engine = create_engine(database_url, pool_size=1, connect_timeout_seconds=1)
    async with transaction(engine):
        assert isinstance(await _fail(engine, "SELECT 1"), StorageUnavailable)
    await engine.dispose()
