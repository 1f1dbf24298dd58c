"""Requests to the address of notifications: who is believed, and what is refused."""

from collections.abc import Iterator

import httpx
import pytest
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import AppSettings, build_app
from local.temporal import TemporalServer
from tests.api.server import app_settings, serving
from tests.api.telling import ES2PLUS, PATH, READERS, notes, ready, stored, tell
from tests.notices import bytes_of, purchase, signature
from tests.rows import paid_order, value


@pytest.fixture
def api_url(settings: AppSettings) -> Iterator[str]:
    """The app under test with two providers that may tell it something."""
    with serving(build_app(settings, READERS)) as url:
        yield url


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
    anybody: httpx.AsyncClient, engine: AsyncEngine, why: str
) -> None:
    """401 problem without a reason for the sender; no row, no event; a log line without content."""
    await purchase(engine, await paid_order(engine))
    body, headers = FORGED[why]
    raw = {name.encode(): text.encode("latin-1") for name, text in headers.items()}
    with structlog.testing.capture_logs() as logs:
        answer = await anybody.post(PATH, content=body, headers=raw)
    assert (answer.status_code, answer.json()["code"]) == (401, "webhook-refused")
    assert answer.json()["detail"].startswith("The notification is not its provider's")
    assert await stored(engine) == []
    assert await notes(engine) == []
    assert "webhook_refused" in [line["event"] for line in logs]
    for secret in ("P-1", "e-1", signature(BODY)):
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
    """Of a provider that signs nothing so many are read, then 429; signed ones still come in."""
    monkeypatch.setattr("api.notices.UNSIGNED_PER_MINUTE", 3)
    with serving(build_app(settings, READERS)) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            for status in (200, 200, 200, 429):
                body = bytes_of(ready(f"e-{status}"))
                answer = await tell(client, body, "/api/webhooks/SHOUTER")
                assert answer.status_code == status
            assert (await tell(client, bytes_of(ready("signed")))).status_code == 200
    assert await stored(engine) == [("signed", None)]


async def test_the_document_describes_the_operation(anybody: httpx.AsyncClient) -> None:
    """Both paths, with every status that they may answer, and no token asked for."""
    paths = (await anybody.get("/openapi.json")).json()["paths"]
    for path in ("/api/webhooks/{provider}", f"/api/webhooks/{{provider}}{ES2PLUS}"):
        operation = paths[path]["post"]
        assert set(operation["responses"]) >= {"200", "204", "401", "404", "413", "429", "503"}
        assert "security" not in operation
