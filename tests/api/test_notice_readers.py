"""Each real provider's notifications, from the environment's settings to the inbox."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import app
from api.app import AppSettings
from tests.api.server import JWT_SECRET, serving
from tests.api.telling import ES2PLUS, notes
from tests.notices import bought_item, purchase
from tests.rows import paid_order, value

ICCID = "8934010000000000018"
SECRET = "canary-secret-of-a-provider"
ENVIRONMENT = {
    "JWT_SECRET": JWT_SECRET,
    "PAYMENT_PROVIDER": "NONE",
    "AIRALO_CLIENT_ID": "client-1",
    "AIRALO_CLIENT_SECRET": SECRET,
    "ESIM_ACCESS_ACCESS_CODE": SECRET,
    "ES2PLUS_BASE_URL": "https://smdp.example.com",
    "ES2PLUS_NOTIFICATION_HEADER": "X-Client-Verified",
    "ES2PLUS_NOTIFICATION_SECRET": SECRET,
}


@dataclass(frozen=True, slots=True)
class Told:
    """A genuine notification, how it is answered, and what it says."""

    path: str
    body: bytes
    headers: dict[str, str]
    status: int
    kind: str
    provider_order_id: str


def airalo() -> Told:
    """An asynchronous order is delivered, signed by HMAC-SHA512 of the raw body."""
    order = {"request_id": "P-1", "data": {"request_id": "P-1", "sims": [{"iccid": ICCID}]}}
    body = json.dumps(order).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()
    headers = {"airalo-signature": signature}
    return Told("/api/webhooks/AIRALO", body, headers, 200, "order_ready", "P-1")


def esim_access() -> Told:
    """An order has its profiles. Nobody signs that."""
    content = {"orderNo": "B1", "transactionId": "order-1", "orderStatus": "GOT_RESOURCE"}
    told = {"notifyType": "ORDER_STATUS", "notifyId": "n-12345678", "content": content}
    path = "/api/webhooks/esim_access"
    return Told(path, json.dumps(told).encode(), {}, 200, "order_ready", "B1")


def es2plus() -> Told:
    """A device has downloaded the profile; the proxy says that the SM-DP+ said so."""
    told = {
        "header": {"functionRequesterIdentifier": "1.2.3", "functionCallIdentifier": "call-1"},
        "iccid": f"{ICCID}F",
        "profileType": "ES-5GB",
        "timestamp": "2026-11-25T12:00:00Z",
        "notificationPointId": 3,
        "notificationPointStatus": {"status": "Executed-Success"},
    }
    headers = {"x-client-verified": SECRET, "x-admin-protocol": "gsma/rsp/v2.2.0"}
    path = f"/api/webhooks/es2plus{ES2PLUS}"
    return Told(path, json.dumps(told).encode(), headers, 204, "downloaded", ICCID)


ALL = {"AIRALO": airalo(), "ESIM_ACCESS": esim_access(), "ES2PLUS": es2plus()}


@pytest.fixture
def api_url(monkeypatch: pytest.MonkeyPatch, settings: AppSettings) -> Iterator[str]:
    """The app as `uvicorn --factory` makes it, with every provider set up."""
    variables = ENVIRONMENT | {
        "DATABASE_URL": settings.database.database_url.get_secret_value(),
        "TEMPORAL_ADDRESS": settings.temporal.temporal_address,
    }
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(app, "configure_logging", lambda _: None)
    with serving(app.create_app()) as url:
        yield url


@pytest.mark.parametrize("provider", ALL)
async def test_a_genuine_notification_reaches_its_order(
    anybody: httpx.AsyncClient, engine: AsyncEngine, provider: str
) -> None:
    """Answered as the provider wants it, on the order's record, twice or not; HEAD finds it."""
    told = ALL[provider]
    order_id = await paid_order(engine)
    signed = provider != "ESIM_ACCESS"  # what nobody signs is kept of an open purchase alone
    await purchase(
        engine,
        order_id,
        provider=provider,
        state="CONFIRMED" if signed else "UNKNOWN",
        provider_order_id=told.provider_order_id,
        item_id=await bought_item(engine, order_id, ICCID, provider) if signed else None,
    )
    assert (await anybody.head(told.path)).status_code == 200
    for _ in range(2):
        answer = await anybody.post(told.path, content=told.body, headers=told.headers)
        assert (answer.status_code, answer.content) == (told.status, b"")
    assert await notes(engine) == [told.kind]
    assert await value(engine, "SELECT order_id FROM provider_webhooks") == order_id
    downloaded = await value(engine, "SELECT downloaded_at IS NOT NULL FROM provider_intents")
    assert downloaded == (told.kind == "downloaded")


@pytest.mark.parametrize("provider", ["AIRALO", "ES2PLUS"])
async def test_the_same_is_refused_without_its_signature(
    anybody: httpx.AsyncClient, engine: AsyncEngine, provider: str
) -> None:
    """No header, an empty one, a wrong one, one of odd letters: 401, and no row."""
    told = ALL[provider]
    name = next(iter(told.headers)).encode()
    for given in (b"", b"0" * 128, b"\xe9" * 128):
        answer = await anybody.post(told.path, content=told.body, headers={name: given})
        assert (answer.status_code, answer.json()["code"]) == (401, "webhook-refused")
    for headers in ({}, {"signature": told.headers[name.decode()]}):
        answer = await anybody.post(told.path, content=told.body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "webhook-refused")
    assert await value(engine, "SELECT count(*) FROM provider_webhooks") == 0


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize("body", [b"", b"null", b"[" * 60_000, b'{"a": "\xff"}', b"{}", b"1e999"])
async def test_no_body_makes_the_service_fail(
    anybody: httpx.AsyncClient, provider: str, body: bytes
) -> None:
    """Nothing, no object, endless nesting, broken UTF-8: refused, or taken as nothing of note."""
    signature = hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()
    headers = ALL[provider].headers | {"airalo-signature": signature}
    answer = await anybody.post(ALL[provider].path, content=body, headers=headers)
    assert answer.status_code in (200, 401)
