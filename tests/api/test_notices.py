"""What providers tell, over HTTP: what it changes, and what it never does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from api.app import AppSettings, build_app
from tests.api.server import app_settings, serving
from tests.api.telling import ES2PLUS, PATH, READERS, failed, notes, ready, signals, stored, tell
from tests.notices import KEY, bytes_of, purchase, signature
from tests.rows import paid_order, rows, run, value
from workflows import messages

CODE = "LPA:1$smdp.example.com$CANARY-CODE"


@pytest.fixture
def api_url(settings: AppSettings) -> Iterator[str]:
    """The app under test with two providers that may tell it something."""
    with serving(build_app(settings, READERS)) as url:
        yield url


@pytest.fixture
async def listening(
    temporal_client: Client, task_queue: str, engine: AsyncEngine
) -> AsyncIterator[int]:
    """An order with an accepted purchase, whose activation runs and keeps what it is told."""
    order_id = await paid_order(engine)
    await purchase(engine, order_id)
    handle = await temporal_client.start_workflow(
        messages.WORKFLOW, id=messages.workflow_id(order_id), task_queue=task_queue
    )
    yield order_id
    await handle.terminate("the test is over")


async def test_a_signed_notification_wakes_the_activation(
    anybody: httpx.AsyncClient, engine: AsyncEngine, temporal_client: Client, listening: int
) -> None:
    """Empty 200; a row and an event of the order; its workflow is told to look."""
    answer = await tell(anybody, bytes_of(ready()))
    assert (answer.status_code, answer.content) == (200, b"")
    assert await stored(engine) == [("e-1", listening)]
    assert await notes(engine) == ["order_ready"]
    assert await signals(temporal_client, listening) == [messages.PURCHASE_NEWS]


async def test_a_provider_is_answered_as_it_wishes(anybody: httpx.AsyncClient) -> None:
    """204 if its reader says so, with the protocol's version echoed to an SM-DP+."""
    version = {"x-admin-protocol": "gsma/rsp/v2.2.0"}
    answer = await tell(anybody, bytes_of(ready(), status=204), PATH + ES2PLUS, **version)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["x-admin-protocol"] == "gsma/rsp/v2.2.0"
    odd = await tell(anybody, bytes_of(ready()), **{"x-admin-protocol": "text of any kind"})
    assert "x-admin-protocol" not in odd.headers


async def test_a_repetition_is_answered_alike_and_changes_nothing(
    anybody: httpx.AsyncClient, engine: AsyncEngine, temporal_client: Client, listening: int
) -> None:
    """Three times the same: one row, one event, one signal."""
    assert [(await tell(anybody, bytes_of(ready()))).status_code for _ in range(3)] == [200] * 3
    assert len(await stored(engine)) == 1
    assert await notes(engine) == ["order_ready"]
    assert len(await signals(temporal_client, listening)) == 1


async def test_twenty_at_once_are_one(
    anybody: httpx.AsyncClient, engine: AsyncEngine, temporal_client: Client, listening: int
) -> None:
    """The same event in parallel: every answer 200, one row, one event, one signal."""
    answers = await asyncio.gather(*(tell(anybody, bytes_of(ready())) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert await stored(engine) == [("e-1", listening)]
    assert await notes(engine) == ["order_ready"]
    assert len(await signals(temporal_client, listening)) == 1


@pytest.mark.parametrize("order", [(ready, failed), (failed, ready)])
async def test_notifications_may_come_in_any_order(
    anybody: httpx.AsyncClient,
    engine: AsyncEngine,
    temporal_client: Client,
    listening: int,
    order: tuple[Callable[[], dict[str, object]], ...],
) -> None:
    """Failed before or after ready, each twice: both on record, each makes one look."""
    for told in (*order, *order):
        assert (await tell(anybody, bytes_of(told()))).status_code == 200
    assert len(await notes(engine)) == 2
    assert len(await signals(temporal_client, listening)) == 2


async def test_an_early_notification_is_kept(
    anybody: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Our own purchase has not returned yet: 200, on record under the provider's order."""
    assert (await tell(anybody, bytes_of(ready(provider_order_id="P-9")))).status_code == 200
    [row] = await rows(engine, "SELECT provider_order_id, order_id FROM provider_webhooks")
    assert row == {"provider_order_id": "P-9", "order_id": None}
    assert await notes(engine) == []


async def test_a_late_one_for_a_cancelled_order_is_put_on_record(
    anybody: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """No workflow is left to hear it: 200, an event, and the profile stays as it is."""
    order_id = await paid_order(engine)
    await purchase(engine, order_id)
    await run(engine, "UPDATE esim_profiles SET status = 'CANCELLED'")
    for told in (ready(), failed()):
        assert (await tell(anybody, bytes_of(told))).status_code == 200
    assert await notes(engine) == ["order_ready", "order_failed"]
    assert await value(engine, "SELECT status FROM esim_profiles") == "CANCELLED"


async def test_a_download_wakes_nobody(
    anybody: httpx.AsyncClient, engine: AsyncEngine, temporal_client: Client, listening: int
) -> None:
    """It is marked on the purchase, by the SM-DP+'s path as well."""
    told = {"kind": "downloaded", "event_id": "e-1", "provider_order_id": "P-1"}
    assert (await tell(anybody, bytes_of(told), PATH + ES2PLUS)).status_code == 200
    assert await value(engine, "SELECT downloaded_at IS NOT NULL FROM provider_intents")
    assert await signals(temporal_client, listening) == []


async def test_with_temporal_away_the_answer_is_the_same(
    engine: AsyncEngine, database_url: str, catalogue: None
) -> None:
    """200 and on record: the activation looks by itself later."""
    del catalogue
    await purchase(engine, await paid_order(engine))
    with serving(build_app(app_settings(database_url, "127.0.0.1:1"), READERS)) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            with structlog.testing.capture_logs() as logs:
                assert (await tell(client, bytes_of(ready()))).status_code == 200
    assert await notes(engine) == ["order_ready"]
    assert "purchase_news_not_told" in [line["event"] for line in logs]


async def test_no_secret_of_the_body_is_kept(
    anybody: httpx.AsyncClient, engine: AsyncEngine, listening: int
) -> None:
    """Neither code nor signature is in a row, an event or a log line, pasted in a reason or not."""
    del listening
    told = failed() | {"reason": f"the code {CODE} is gone"}
    body = bytes_of(told, sims=[{"lpa": CODE}])
    with structlog.testing.capture_logs() as logs:
        assert (await tell(anybody, body)).status_code == 200
    assert len(await stored(engine)) == 1
    kept = await rows(engine, "SELECT * FROM provider_webhooks")
    kept += await rows(engine, "SELECT * FROM esim_provisioning_events")
    assert "code withheld" in repr(kept)
    for secret in ("CANARY-CODE", KEY.decode(), signature(body)):
        assert secret not in repr(kept) + repr(logs)
