"""What SQL can see of a code, it sees as `domain/codes` does; old rows are settled once."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import transaction
from db.stock_codes import owner
from domain import blank
from domain.codes import confirmation_code, install_codes, instructions
from domain.errors import InvalidInput
from tests.rows import paid_order, rows, run, stock_item, value

pytestmark = pytest.mark.usefixtures("catalogue")

ROOT = Path(__file__).parents[2]
HOST = "smdp.north.example"
NO_CODES = (
    *("https://qr.north.example/1.png", "//x.example/1", "www.north.example/1", "qr.png", HOST),
    *("data:image/png;base64,AAAA", "mailto:a@b.example", "8999048022983742217", "9" * 32),
    *("8999 0480 2298 3742 217", "8999048022983742217F", "4711.0", "8.9E+18", "4711,00"),
)
CODES = (
    *("INV-ABC123", "XYZ", "12E45", "INV.ABC123", "4711", f"1${HOST}$NB-1", f"1${HOST}$kQwZp"),
    *(f"1${HOST}$", f"1${HOST}$NULL-1", f"1${HOST}$AB$$1", f"1${HOST}$-", "NONE-7", "NULLA"),
)
WORDS = sorted(blank.NOTHING | blank.NOT_YET)


def _is_refused(code: str) -> bool:
    try:
        install_codes(code)
    except InvalidInput:
        return True
    return False


async def test_sql_refuses_what_the_domain_calls_no_code(engine: AsyncEngine) -> None:
    """Words in any case, addresses and numbers of cards; bare, with `1$` and as LPA strings."""
    words = [*WORDS, *(word.upper() for word in WORDS)]
    texts = [*words, *NO_CODES, *CODES, *(f"1${HOST}${word}" for word in words if word)]
    texts += [f"{start}{text}" for start in ("1$", "LPA:1$", " lpa:1$") for text in words]
    found = await rows(
        engine,
        "SELECT code, esim_can_be_code(code) AS can FROM unnest(CAST(:codes AS text[])) AS code",
        codes=texts,
    )
    seen = {row["code"]: row["can"] for row in found}
    assert [code for code in NO_CODES if seen[code]] == []
    assert [code for code in CODES if not seen[code]] == []
    assert [code for code, can in seen.items() if not can and not _is_refused(code)] == []
    assert [word for word in words if seen[word] or seen[f"LPA:1${word}"]] == []


async def test_sql_hears_nothing_in_the_same_words(engine: AsyncEngine) -> None:
    """No confirmation code or instruction is one of them, nor a number."""
    texts = [*WORDS, *(word.upper() for word in WORDS), "4711.0", "0042", "Scan it", "no thanks"]
    found = await rows(
        engine,
        "SELECT t, esim_says_something(t) AS says FROM unnest(CAST(:texts AS text[])) AS t",
        texts=texts,
    )
    for row in found:
        assert row["says"] is (instructions(row["t"]) is not None), row["t"]
        if row["t"] != "4711.0":
            assert row["says"] is (confirmation_code(row["t"]) is not None), row["t"]


@pytest.mark.parametrize(
    "columns",
    [
        "activation_code = 'PENDING'",
        "activation_code = 'https://qr.north.example/1.png'",
        "activation_code = '8999048022983742217'",
        "activation_code = 'LPA:1$N/A'",
        "activation_code = repeat('A', 256)",
        "confirmation_code = 'NULL'",
        "confirmation_code = '4711.0'",
        "instructions = 'nan'",
    ],
)
async def test_raw_sql_cannot_put_rubbish_on_the_shelf(engine: AsyncEngine, columns: str) -> None:
    """Unless somebody answers for it, or it leaves the shelf."""
    await stock_item(engine)
    with pytest.raises(Exception, match="violates check constraint"):
        await run(engine, f"UPDATE esim_inventory SET {columns}")
    await run(engine, f"UPDATE esim_inventory SET {columns}, as_given = true")


async def test_a_code_is_known_whatever_the_case_of_host_and_prefix(engine: AsyncEngine) -> None:
    """And another matching id by its case is another code."""
    item_id = await stock_item(engine)
    code = await value(engine, "SELECT activation_code FROM esim_inventory")
    upper = code.replace("smdp.example.com", "SMDP.Example.com")
    async with transaction(engine) as connection:
        for given in (code, upper, f"lpa:{upper}", f"LPA:{code}"):
            payload = install_codes(given).qr_payload
            assert await owner(connection, given, payload, None, alone=True) == (item_id, None), (
                given
            )
        small = code.replace("STOCK", "stock")
        assert await owner(connection, small, f"LPA:{small}", None, alone=True) is None


async def test_old_rows_are_settled_by_the_migration(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rubbish leaves the shelf with its reason; what a customer has been given can still expire."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    config = Config(ROOT / "alembic.ini")
    await asyncio.to_thread(command.downgrade, config, "0006")
    rubbish, named, sound = [await stock_item(engine, number) for number in (1, 2, 3)]
    await run(
        engine, "UPDATE esim_inventory SET activation_code = 'PENDING' WHERE id = :i", i=rubbish
    )
    await run(engine, "UPDATE esim_inventory SET confirmation_code = 'NULL' WHERE id = :i", i=named)
    order_id = await paid_order(engine)
    await run(engine, "UPDATE esim_profiles SET activation_code = 'https://a.example/1'")
    await asyncio.to_thread(command.upgrade, config, "head")
    items = await rows(
        engine, "SELECT id, status, confirmation_code FROM esim_inventory ORDER BY id"
    )
    assert [tuple(item.values()) for item in items] == [
        (rubbish, "RETIRED", None),
        (named, "AVAILABLE", None),
        (sound, "AVAILABLE", None),
    ]
    assert await value(engine, "SELECT retired_reason FROM esim_inventory WHERE status = 'RETIRED'")
    given = "SELECT as_given FROM esim_profiles WHERE order_id = :id"
    assert await value(engine, given, id=order_id) is True
    await run(engine, "UPDATE esim_profiles SET updated_at = now()")
