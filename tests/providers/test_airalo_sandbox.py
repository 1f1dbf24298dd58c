"""Airalo's adapter and Airalo's own client against the same sandbox: each reads the other."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from airalo import Airalo as OfficialClient  # type: ignore[import-untyped]
from airalo.constants.api_constants import ApiConstants  # type: ignore[import-untyped]
from airalo.helpers.cached import Cached  # type: ignore[import-untyped]

from domain.codes import parse_activation_code
from domain.errors import (
    NoticeRefused,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderReplyUnusable,
)
from domain.notice import NoticeKind
from domain.provider import AcceptedOrder, ProvisionedEsim, ProvisionRequest
from providers.airalo import Airalo, AiraloConfig, AiraloNotices
from sandbox.credentials import AIRALO_CLIENT_ID, AIRALO_CLIENT_SECRET
from sandbox.running import running_sandbox
from sandbox.sandbox import Sandbox
from sandbox.settings import SandboxSettings
from tests.partners.sandboxes import PATIENCE_SECONDS, airalo_in, buy
from tests.partners.scripted import ScriptedServer, answering


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A sandbox of our own."""
    settings = SandboxSettings(tokens_per_minute=None)
    async with running_sandbox(tmp_path / "sandbox", settings=settings) as running:
        yield running


@pytest.fixture
async def airalo(sandbox: Sandbox) -> AsyncIterator[Airalo]:
    """An adapter as a deployment has it."""
    adapter = airalo_in(sandbox)
    yield adapter
    await adapter.aclose()


@pytest.fixture
async def asynchronous(sandbox: Sandbox) -> AsyncIterator[Airalo]:
    """One that orders now and collects later."""
    adapter = airalo_in(sandbox, asynchronous=True)
    yield adapter
    await adapter.aclose()


@pytest.fixture
async def official(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> OfficialClient:
    """PyPI `airalo-sdk`, pointed at the sandbox; its token cache stays in the test's folder."""
    monkeypatch.setattr(ApiConstants, "PRODUCTION_URL", f"{sandbox.base_url('AIRALO')}/")
    monkeypatch.setattr(Cached, "_cache_path", tmp_path)
    credentials = {"client_id": AIRALO_CLIENT_ID, "client_secret": AIRALO_CLIENT_SECRET}
    return await asyncio.to_thread(OfficialClient, credentials)


async def test_official_client_reads_our_order(
    official: OfficialClient, airalo: Airalo, request_42: ProvisionRequest
) -> None:
    """What we booked is listed there with our reference, plan, ICCID and code."""
    esim = await buy(airalo, request_42)

    def listed() -> str:
        official._http.set_headers({"Authorization": f"Bearer {official._access_token}"})  # noqa: SLF001
        url = f"{ApiConstants.PRODUCTION_URL}{ApiConstants.ORDERS_SLUG}"
        return str(official._http.get(url, {"include": "sims"}))  # noqa: SLF001

    (order,) = json.loads(await asyncio.to_thread(listed))["data"]
    assert (order["description"], order["package_id"], order["quantity"]) == (
        "order-42",
        "ES-5GB",
        1,
    )
    (sim,) = order["sims"]
    assert (sim["iccid"], sim["qrcode"]) == (esim.iccid, esim.qr_payload)


async def test_we_read_an_order_of_the_official_client(
    official: OfficialClient, airalo: Airalo, request_42: ProvisionRequest
) -> None:
    """What its own client books under our reference, our look-up finds."""
    reply = await asyncio.to_thread(official.order, "ES-5GB", 1, "order-42")
    (sim,) = reply["data"]["sims"]
    found = await airalo.advance(request_42)
    assert isinstance(found, ProvisionedEsim)
    assert (found.iccid, found.qr_payload) == (sim["iccid"], sim["qrcode"])


async def test_confirmation_code_comes_with_the_code_that_asks_for_it(
    sandbox: Sandbox, airalo: Airalo, request_42: ProvisionRequest
) -> None:
    """Bought and looked up: the flag in the code, and what the phone will ask for."""
    request = replace(request_42, plan_code="CONFIRM-1GB")
    for esim in (await buy(airalo, request), await airalo.advance(request)):
        assert isinstance(esim, ProvisionedEsim)
        code = parse_activation_code(esim.activation_code)
        assert code.confirmation_required
        assert [code.matching_id, esim.confirmation_code] == sandbox.codes("AIRALO")
        assert not any(secret in f"{esim!r} {esim.reply}" for secret in sandbox.codes("AIRALO"))


async def test_lost_purchase_is_found(
    sandbox: Sandbox, airalo: Airalo, request_42: ProvisionRequest
) -> None:
    """After a reset the look-up gives the profile that was charged, once."""
    sandbox.rule("AIRALO", "reset_after_booking")
    with pytest.raises(ProviderOutcomeUnknown):
        await airalo.provision(request_42)
    found = await airalo.advance(request_42)
    assert isinstance(found, ProvisionedEsim)
    assert len(sandbox.charges("AIRALO", "order-42")) == 1


async def test_double_booking_is_a_persons_matter(
    sandbox: Sandbox, airalo: Airalo, request_42: ProvisionRequest
) -> None:
    """Airalo sells twice under one description; neither profile is delivered."""
    await airalo.provision(request_42)
    await airalo.provision(request_42)
    assert len(sandbox.charges("AIRALO", "order-42")) == 2
    with pytest.raises(ProviderReplyUnusable, match="2 orders"):
        await airalo.advance(request_42)


async def test_asynchronous_order_is_collected(
    asynchronous: Airalo, request_42: ProvisionRequest
) -> None:
    """Accepted first, delivered by look-up, found by its reference alone afterwards."""
    accepted = await asynchronous.provision(request_42)
    assert isinstance(accepted, AcceptedOrder)
    request = replace(request_42, provider_order_id=accepted.provider_order_id)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while isinstance(found := await asynchronous.advance(request), AcceptedOrder):
            assert found.provider_order_id == accepted.provider_order_id
    assert found is not None
    assert found.reference == "order-42"
    assert isinstance(await asynchronous.advance(request_42), ProvisionedEsim)


@pytest.mark.parametrize(
    ("plan_code", "expected"),
    [
        ("SOLDOUT-1GB", ProviderOutOfStock),
        ("UNKNOWN-1GB", ProviderOutOfStock),  # code 34 says both
        ("NOCREDIT-1GB", ProviderRefused),
    ],
)
async def test_refusal_books_nothing(
    sandbox: Sandbox,
    airalo: Airalo,
    request_42: ProvisionRequest,
    plan_code: str,
    expected: type[ProviderRefused],
) -> None:
    """The sandbox's own refusals, in Airalo's words."""
    with pytest.raises(expected) as raised:
        await airalo.provision(replace(request_42, plan_code=plan_code))
    assert type(raised.value) is expected
    assert sandbox.charges("AIRALO") == []


@pytest.mark.parametrize(
    "misbehaviour",
    ["wrong_plan", "wrong_reference", "wrong_quantity", "bad_iccid", "bad_code", "empty_reply"],
)
async def test_unusable_reply_is_never_delivered(
    sandbox: Sandbox, airalo: Airalo, request_42: ProvisionRequest, misbehaviour: str
) -> None:
    """Sold, and the reply says something else."""
    sandbox.rule("AIRALO", misbehaviour)
    with pytest.raises(ProviderReplyUnusable):
        await airalo.provision(request_42)
    assert len(sandbox.charges("AIRALO", "order-42")) == 1


@pytest.mark.parametrize(
    ("misbehaviour", "kind"),
    [(None, NoticeKind.ORDER_READY), ("allocation_failed", NoticeKind.ORDER_FAILED)],
)
async def test_notification_of_an_order_is_read(
    sandbox: Sandbox,
    partner: ScriptedServer,
    asynchronous: Airalo,
    request_42: ProvisionRequest,
    misbehaviour: str | None,
    kind: NoticeKind,
) -> None:
    """The webhook that arrives is signed, names the order, and only its own body passes."""
    partner.answer = answering(200, {})
    sandbox.webhook_url["AIRALO"] = f"{partner.base_url}/api/webhooks/AIRALO"
    if misbehaviour:
        sandbox.rule("AIRALO", misbehaviour, operation="order_async")
    accepted = await asynchronous.provision(request_42)
    assert isinstance(accepted, AcceptedOrder)
    await sandbox.wait_for_webhooks()
    (received,) = partner.requests
    assert urlsplit(received.path).path == "/api/webhooks/AIRALO"
    reader = AiraloNotices(
        AiraloConfig(client_id=AIRALO_CLIENT_ID, client_secret=AIRALO_CLIENT_SECRET)
    )
    (notice,) = reader.read(received.headers, received.body).notices
    assert (notice.kind, notice.trusted) == (kind, True)
    assert notice.provider_order_id == accepted.provider_order_id
    for code in sandbox.codes("AIRALO"):
        assert code not in repr(notice)
    another = json.loads(received.body) | {"request_id": "another"}
    with pytest.raises(NoticeRefused):
        reader.read(received.headers, json.dumps(another).encode())


async def test_balance_falls_with_each_order(airalo: Airalo, request_42: ProvisionRequest) -> None:
    """Money is told in the account's currency."""
    before = await airalo.balance()
    await airalo.provision(request_42)
    after = await airalo.balance()
    assert before is not None
    assert after is not None
    assert after.currency == before.currency == "USD"
    assert after.amount < before.amount
