"""`esimctl seed`: something to order on a first start, and never again."""

import re

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.codes import parse_activation_code
from domain.iccid import parse_iccid
from tests.cli.conftest import Esimctl
from tests.rows import rows, run, value

pytestmark = pytest.mark.usefixtures("stocked")

EVERYTHING = (
    "countries",
    "carriers",
    "plans",
    "plan_codes",
    "users",
    "esim_inventory",
    "inventory_imports",
)


async def contents(engine: AsyncEngine) -> dict[str, list[str]]:
    """Every row of the tables that seeding could touch."""
    return {
        table: sorted(map(str, await rows(engine, f"SELECT * FROM {table}")))
        for table in EVERYTHING
    }


async def test_a_first_seed_gives_plans_with_and_without_stock(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """Plan 1 has installable stock, plans 2 and 123 have none; each plan has provider codes."""
    done = esimctl("seed")
    assert (done.code, done.err) == (0, "")
    assert "Plan 123: Spain 5GB 30 days" in done.out
    stock = await rows(engine, "SELECT * FROM esim_inventory")
    assert {item["plan_id"] for item in stock} == {1}
    assert all(item["installable"] for item in stock)
    assert all(parse_iccid(item["iccid"], strict_luhn=True) for item in stock)
    assert all(parse_activation_code(item["qr_payload"]) for item in stock)
    codes = await rows(engine, "SELECT plan_id, provider FROM plan_codes")
    plans = [plan["id"] for plan in await rows(engine, "SELECT id FROM plans")]
    assert {1, 2, 123} < set(plans)
    assert len(codes) == 2 * len(plans)
    found = {country["iso2"] for country in await rows(engine, "SELECT iso2 FROM countries")}
    assert found == {"ES", "FR", "IT", "US", "JP", "TR"}
    assert not any(re.search(str(item["activation_code"]), done.out) for item in stock)


async def test_a_second_seed_changes_nothing(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """It says so, and what an operator took away does not come back."""
    assert esimctl("seed").code == 0
    await run(engine, "DELETE FROM esim_inventory WHERE id = 1")
    before = await contents(engine)
    again = esimctl("seed")
    assert again.code == 0
    assert "nothing was changed" in again.out
    assert await contents(engine) == before


@pytest.mark.usefixtures("catalogue")
async def test_an_operator_s_own_catalogue_is_left_alone(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """With any plan there, nothing is seeded."""
    before = await contents(engine)
    assert esimctl("seed").code == 0
    assert await contents(engine) == before


async def test_places_that_exist_already_are_used(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """A country or user written before keeps its row, and the plans refer to it."""
    await run(engine, "INSERT INTO countries (iso2, name) VALUES ('JP', 'Nippon')")
    await run(engine, "INSERT INTO users (email, name) VALUES ('demo@example.com', 'Mine')")
    assert esimctl("seed").code == 0
    country = "SELECT c.name FROM plans p JOIN countries c ON c.id = p.country_id WHERE p.id = 5"
    assert await value(engine, country) == "Nippon"
    assert await value(engine, "SELECT name FROM users") == "Mine"


async def test_the_next_plan_gets_a_free_id(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """Explicit ids do not collide with what the sequence hands out next."""
    assert esimctl("seed").code == 0
    await run(engine, "INSERT INTO plans (name, price_minor_units) VALUES ('New', 1)")
    assert await value(engine, "SELECT id FROM plans WHERE name = 'New'") == 124


async def test_the_documented_insert_works_after_seeding(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """The INSERT of docs/operating.md, as written, stocks plan 123."""
    assert esimctl("seed").code == 0
    await run(
        engine,
        "INSERT INTO esim_inventory (plan_id, carrier_id, country_id, activation_code, iccid,"
        " qr_payload, instructions) VALUES (123, NULL, NULL, 'INV-ABC123',"
        " '89010000000000000123', 'LPA:1$INV-ABC123', 'Install via device settings')",
    )
    status = "SELECT status FROM esim_inventory WHERE plan_id = 123"
    assert await value(engine, status) == "AVAILABLE"
