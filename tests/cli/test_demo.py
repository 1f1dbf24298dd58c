"""`esimctl demo`: a customer's whole way against the real API, worker, Temporal and Postgres."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import AppSettings
from local.temporal import TemporalServer
from settings import ApiSettings, AuthSettings, DatabaseSettings, TemporalSettings
from tests.api.server import serving
from tests.cli.conftest import SECRET, Esimctl
from tests.rows import rows, run

pytestmark = pytest.mark.usefixtures("stocked")


@pytest.fixture
def api_url(
    environment: dict[str, str],
    database_url: str,
    temporal_server: TemporalServer,
    task_queue: str,
) -> Iterator[str]:
    """The API on the test's own parts; the command knows its address."""
    settings = AppSettings(
        api=ApiSettings(),
        auth=AuthSettings(jwt_secret=SecretStr(SECRET)),
        database=DatabaseSettings(database_url=SecretStr(database_url)),
        temporal=TemporalSettings(
            temporal_address=temporal_server.address, temporal_task_queue=task_queue
        ),
    )
    with serving(settings) as url:
        environment["API_PUBLIC_URL"] = url
        yield url


@pytest.mark.usefixtures("api_url", "worker")
@pytest.mark.parametrize(("plan", "bought"), [(1, None), (2, "LOCAL")])
async def test_the_demo_ends_with_an_esim_on_the_screen(
    esimctl: Esimctl, engine: AsyncEngine, plan: int, bought: str | None
) -> None:
    """With stock and without: each step shows its outcome, then the QR code and what to look at."""
    assert esimctl("seed").code == 0
    done = await asyncio.to_thread(
        esimctl, "demo", "--plan", plan, TEMPORAL_UI_URL="http://127.0.0.1:8233"
    )
    assert (done.code, done.err) == (0, "")
    [item] = await rows(engine, "SELECT * FROM esim_inventory WHERE status = 'ASSIGNED'")
    assert item["provider"] == bought
    assert item["qr_payload"] in done.out
    assert "\N{FULL BLOCK}" in done.out or "\N{UPPER HALF BLOCK}" in done.out
    assert f"Next: esimctl status {item['order_id']}\n" in done.out
    workflow = (
        f"http://127.0.0.1:8233/namespaces/default/workflows/activate-esim-{item['order_id']}"
    )
    assert workflow in done.out


@pytest.mark.usefixtures("api_url", "worker")
async def test_the_demo_shows_the_confirmation_code(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """Below the code: the phone will ask for it. What comes next can be pasted as it stands."""
    assert esimctl("seed").code == 0
    await run(engine, "UPDATE esim_inventory SET confirmation_code = '4711'")
    done = await asyncio.to_thread(esimctl, "demo", "--plan", 1, ESIMCTL="./dev esimctl")
    assert (done.code, done.err) == (0, "")
    assert "Confirmation code: 4711" in done.out
    assert re.search(r"^Next: \./dev esimctl status \d+$", done.out, re.MULTILINE)


@pytest.mark.usefixtures("api_url")
def test_a_plan_that_does_not_exist_ends_the_demo_with_the_api_s_words(esimctl: Esimctl) -> None:
    """The API's own sentence is shown, in one line, with exit code 1."""
    failed = esimctl("demo", "--plan", 999)
    assert failed.code == 1
    assert "POST /api/orders answered 404" in failed.err
    assert len(failed.err.splitlines()) == 1


def test_without_an_api_the_demo_says_how_to_start_one(esimctl: Esimctl) -> None:
    """One line with the address and the next step."""
    failed = esimctl("demo", API_PUBLIC_URL="http://127.0.0.1:1")
    assert failed.code == 1
    assert "does not answer at http://127.0.0.1:1. Start it: ./dev up" in failed.err
