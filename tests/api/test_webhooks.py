"""What providers tell, over HTTP: who is believed, what it changes, and what it never does."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from api.app import AppSettings, build_app
from cli.stack.temporal import TemporalServer
from tests.api.server import app_settings, serving
from tests.notices import KEY, Shouter, Signer, bytes_of, purchase, signature
from tests.rows import paid_order, rows, run, value
from workflows import messages

PATH = "/api/webhooks/SIGNER"
ES2PLUS = "/gsma/rsp2/es2plus/handleDownloadProgressInfo"
READERS = {reader.name: reader for reader in (Signer(), Shouter())}
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


async def signals(client: Client, order_id: int) -> list[str]:
    """What the order's activation was told."""
    history = await client.get_workflow_handle(messages.workflow_id(order_id)).fetch_history()
    return [
        event.workflow_execution_signaled_event_attributes.signal_name
        for event in history.events
        if event.HasField("workflow_execution_signaled_event_attributes")
    ]


async def tell(
    client: httpx.AsyncClient, body: bytes, path: str = PATH, **headers: str
) -> httpx.Response:
    """A genuine notification."""
    given = {"x-signature": signature(body), "content-type": "application/json"} | headers
    return await client.post(path, content=body, headers=given)


def ready(event_id: str = "e-1", provider_order_id: str = "P-1") -> dict[str, object]:
    """The provider has delivered."""
    return {"kind": "order_ready", "event_id": event_id, "provider_order_id": provider_order_id}


def failed(event_id: str = "e-2") -> dict[str, object]:
    """The provider will not deliver."""
    return {"kind": "order_failed", "event_id": event_id, "provider_order_id": "P-1"}


async def stored(engine: AsyncEngine) -> list[tuple[str, int | None]]:
    """The inbox: event and order."""
    found = await rows(engine, "SELECT event_id, order_id FROM provider_webhooks ORDER BY id")
    return [(row["event_id"], row["order_id"]) for row in found]


async def notes(engine: AsyncEngine) -> list[str]:
    """The kinds of notification in the audit trail."""
    found = await rows(
        engine,
        "SELECT payload ->> 'kind' AS kind FROM esim_provisioning_events"
        " WHERE kind = 'provider_notified' ORDER BY id",
    )
    return [row["kind"] for row in found]


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


BODY = bytes_of(ready())
FORGED: dict[str, tuple[bytes, dict[str, str]]] = {
    "unsigned": (BODY, {}),
    "empty signature": (BODY, {"x-signature": ""}),
    "forged": (BODY, {"x-signature": "0" * 64}),
    "odd letters": (BODY, {"x-signature": "é" * 64}),
    "wrong header": (BODY, {"signature": signature(BODY)}),
    "another body": (BODY + b" ", {"x-signature": signature(BODY)}),
    "a bearer token": (BODY, {"authorization": f"Bearer {signature(BODY)}"}),
    "empty": (b"", {}),
    "no JSON": (b"not JSON", {"x-signature": signature(b"not JSON")}),
    "a form": (b"a=b", {"x-signature": signature(b"a=b")}),
    "binary": (b"\xff\0", {"x-signature": signature(b"\xff\0")}),
    "of nothing": (b"[]", {"x-signature": signature(b"[]")}),
}


@pytest.mark.parametrize("why", FORGED)
async def test_what_the_provider_did_not_sign_is_refused(
    anybody: httpx.AsyncClient, engine: AsyncEngine, listening: int, why: str
) -> None:
    """401 problem without a reason for the sender; no row, no event; a log line without content."""
    body, headers = FORGED[why]
    raw = [(name, text.encode("latin-1")) for name, text in headers.items()]
    with structlog.testing.capture_logs() as logs:
        answer = await anybody.post(PATH, content=body, headers=raw)
    assert (answer.status_code, answer.json()["code"]) == (401, "webhook-refused")
    assert answer.json()["detail"].startswith("The notification is not its provider's")
    assert await stored(engine) == []
    assert await notes(engine) == []
    assert "webhook_refused" in [line["event"] for line in logs]
    for secret in ("P-1", "e-1", signature(BODY), str(listening)):
        assert secret not in repr(logs)


async def test_a_refusal_needs_no_database(temporal_server: TemporalServer) -> None:
    """A flood of unsigned requests costs a hash each: it is refused with Postgres away too."""
    nowhere = "postgresql+psycopg://esim:esim@127.0.0.1:1/esim"
    with serving(build_app(app_settings(nowhere, temporal_server.address), READERS)) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            answer = await client.post(PATH, content=BODY)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "media_type", ["application/json;charset=UTF-8", "text/plain", "application/octet-stream", ""]
)
async def test_the_media_type_is_not_looked_at(
    anybody: httpx.AsyncClient, engine: AsyncEngine, media_type: str
) -> None:
    """The signature covers the bytes, not their name: nothing genuine is lost by a wrong one."""
    assert (await tell(anybody, BODY, **{"content-type": media_type})).status_code == 200
    assert await stored(engine) == [("e-1", None)]


async def test_a_repetition_is_answered_alike_and_changes_nothing(
    anybody: httpx.AsyncClient, engine: AsyncEngine, temporal_client: Client, listening: int
) -> None:
    """Three times the same: one row, one event, one signal."""
    assert [(await tell(anybody, BODY)).status_code for _ in range(3)] == [200] * 3
    assert len(await stored(engine)) == 1
    assert await notes(engine) == ["order_ready"]
    assert len(await signals(temporal_client, listening)) == 1


async def test_twenty_at_once_are_one(
    anybody: httpx.AsyncClient, engine: AsyncEngine, temporal_client: Client, listening: int
) -> None:
    """The same event in parallel: every answer 200, one row, one event, one signal."""
    answers = await asyncio.gather(*(tell(anybody, BODY) for _ in range(20)))
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
    order: tuple[type, type],
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
                assert (await tell(client, BODY)).status_code == 200
    assert await notes(engine) == ["order_ready"]
    assert "purchase_news_not_told" in [line["event"] for line in logs]


async def test_with_postgres_away_the_provider_is_to_send_again(
    temporal_server: TemporalServer,
) -> None:
    """503 with Retry-After; nothing was taken."""
    nowhere = "postgresql+psycopg://esim:esim@127.0.0.1:1/esim"
    with serving(build_app(app_settings(nowhere, temporal_server.address), READERS)) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            answer = await tell(client, BODY)
    assert (answer.status_code, answer.json()["retryable"]) == (503, True)
    assert "retry-after" in answer.headers


@pytest.mark.parametrize("suffix", ["", ES2PLUS])
async def test_an_address_can_be_checked(anybody: httpx.AsyncClient, suffix: str) -> None:
    """HEAD: 200 for a provider that is set up, in upper or lower case, 404 for any other."""
    for provider, status in (("SIGNER", 200), ("signer", 200), ("AIRALO", 404)):
        answer = await anybody.head(f"/api/webhooks/{provider}{suffix}")
        assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize("provider", ["AIRALO", "LOCAL", "CONNECTED_YOU", "%00", "a%2Fb"])
async def test_a_provider_that_is_not_set_up_is_unknown(
    anybody: httpx.AsyncClient, engine: AsyncEngine, provider: str
) -> None:
    """404 problem, whatever the signature."""
    answer = await tell(anybody, BODY, f"/api/webhooks/{provider}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert await stored(engine) == []


async def test_lower_case_names_the_same_provider(
    anybody: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """One event by two spellings of the address is one event."""
    for path in (PATH, PATH.lower()):
        assert (await tell(anybody, BODY, path)).status_code == 200
    assert await value(engine, "SELECT provider FROM provider_webhooks") == "SIGNER"


async def test_a_body_that_is_too_long_is_refused(
    anybody: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """413, however well it is signed."""
    answer = await tell(anybody, bytes_of(ready(), padding="x" * 64 * 1024))
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
    assert await stored(engine) == []


async def test_names_of_any_kind_are_survived(
    anybody: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """NUL, lone surrogates and endless names in every field: 200, and each stored once."""
    nasty = ["\0", "\ud800", "é", "x" * 9000, "'; DROP TABLE orders; --", " "]
    for text in (*nasty, *nasty):
        fields = dict.fromkeys(("event_id", "reference", "provider_order_id", "iccid"), text)
        told = {"kind": "order_failed", "reason": text} | fields
        assert (await tell(anybody, bytes_of(told))).status_code == 200
    assert len(await stored(engine)) == len(nasty)


async def test_unsigned_notifications_are_bounded(
    engine: AsyncEngine, settings: AppSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a provider that signs nothing so many are taken, then 429; signed ones still come in."""
    monkeypatch.setattr("api.webhooks.UNSIGNED_PER_MINUTE", 3)
    with serving(build_app(settings, READERS)) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            for status in (200, 200, 200, 429):
                body = bytes_of(ready(f"e-{status}"))
                answer = await tell(client, body, "/api/webhooks/SHOUTER")
                assert answer.status_code == status
            assert (await tell(client, bytes_of(ready("signed")))).status_code == 200
    assert await stored(engine) == [("e-200", None), ("signed", None)]


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


async def test_the_document_describes_the_operation(anybody: httpx.AsyncClient) -> None:
    """Both paths, with every status that they may answer, and no token asked for."""
    paths = (await anybody.get("/openapi.json")).json()["paths"]
    for path in ("/api/webhooks/{provider}", f"/api/webhooks/{{provider}}{ES2PLUS}"):
        operation = paths[path]["post"]
        assert set(operation["responses"]) >= {"200", "204", "401", "404", "413", "429", "503"}
        assert "security" not in operation
