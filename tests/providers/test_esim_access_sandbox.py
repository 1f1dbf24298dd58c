"""The adapter and the official client of eSIM Access against one sandbox: each reads the other."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from esimaccess_python import Package, PageParam, authenticate  # type: ignore[import-untyped]

from domain.errors import (
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderReplyUnusable,
)
from domain.notice import NoticeKind
from domain.provider import AcceptedOrder, Bought, ProvisionedEsim, ProvisionRequest
from providers.esim_access import EsimAccess, EsimAccessConfig, EsimAccessNotices
from sandbox.credentials import ESIM_ACCESS_ACCESS_CODE
from sandbox.running import running_sandbox
from sandbox.sandbox import Sandbox
from tests.partners.sandboxes import PATIENCE_SECONDS, buy, esim_access_in
from tests.partners.scripted import ScriptedServer, answering


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A sandbox of our own."""
    async with running_sandbox(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
async def esim_access(sandbox: Sandbox) -> AsyncIterator[EsimAccess]:
    """An adapter as a deployment has it."""
    adapter = esim_access_in(sandbox)
    yield adapter
    await adapter.aclose()


@pytest.fixture
async def official(sandbox: Sandbox) -> AsyncIterator[Any]:
    """PyPI `esimaccess-python`, whose fixed address leads to the sandbox."""
    base_url = httpx.URL(sandbox.base_url("ESIM_ACCESS"))

    def diverted(request: httpx.Request) -> None:
        assert request.url.path.startswith("/api/v1/open/")
        path = base_url.path + request.url.path.removeprefix("/api/v1/open")
        request.url = base_url.copy_with(path=path)
        request.headers["host"] = f"{base_url.host}:{base_url.port}"

    client = authenticate(ESIM_ACCESS_ACCESS_CODE)
    client.event_hooks = {"request": [diverted]}
    yield Package(client)
    client.close()


async def accepted(provider: EsimAccess, request: ProvisionRequest) -> ProvisionRequest:
    """The request once its order is accepted."""
    answer = await provider.provision(request)
    assert isinstance(answer, AcceptedOrder)
    return replace(request, provider_order_id=answer.provider_order_id)


async def test_official_client_reads_our_order(
    official: Any, esim_access: EsimAccess, request_42: ProvisionRequest
) -> None:
    """What we booked is listed there with our reference, plan, ICCID and code."""
    request = await accepted(esim_access, request_42)
    esim = await collected(esim_access, request)
    page = PageParam(pageSize=20, pageNum=1)
    order_no = request.provider_order_id
    reply = await asyncio.to_thread(official.query, page, orderNo=order_no)
    (profile,) = reply["obj"]["esimList"]
    assert (profile["transactionId"], profile["iccid"]) == ("order-42", esim.iccid)
    assert profile["ac"] == esim.qr_payload
    assert profile["packageList"][0]["packageCode"] == "ES-5GB"


async def test_we_read_an_order_of_the_official_client(
    official: Any, esim_access: EsimAccess, request_42: ProvisionRequest
) -> None:
    """What their own client books under our reference, our look-up finds and cancels."""
    packages = [{"packageCode": "ES-5GB", "count": 1}]
    reply = await asyncio.to_thread(official.order, "order-42", packages)
    request = replace(request_42, provider_order_id=reply["obj"]["orderNo"])
    esim = await collected(esim_access, request)
    assert (await accepted_by_look_up(esim_access, request_42)) == request.provider_order_id
    assert await esim_access.cancel(Bought("order-42", request.provider_order_id, esim.iccid))


async def test_our_balance_is_the_official_clients(official: Any, esim_access: EsimAccess) -> None:
    """The same account, in dollars instead of their units."""
    reply = await asyncio.to_thread(official.balance)
    balance = await esim_access.balance()
    assert balance is not None
    assert balance.amount * 10_000 == reply["obj"]["balance"]


async def collected(provider: EsimAccess, request: ProvisionRequest) -> ProvisionedEsim:
    """Collect an order that was accepted before; buys nothing."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not isinstance(found := await provider.advance(request), ProvisionedEsim):
            assert found is not None
    return found


async def accepted_by_look_up(provider: EsimAccess, request: ProvisionRequest) -> str:
    """Their name of the order that has our reference, once it is allocated; buys nothing."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (found := await provider.advance(request)) is None:
            await asyncio.sleep(0.02)
    assert isinstance(found, AcceptedOrder)
    return found.provider_order_id


@pytest.mark.parametrize("deduplicates", [True, False])
async def test_lost_order_is_found_by_our_reference(
    sandbox: Sandbox, esim_access: EsimAccess, request_42: ProvisionRequest, deduplicates: bool
) -> None:
    """After a reset the list shows it once it is allocated; sent again it is the same, once."""
    sandbox.deduplicates["ESIM_ACCESS"] = deduplicates
    sandbox.rule("ESIM_ACCESS", "reset_after_booking")
    with pytest.raises(ProviderOutcomeUnknown):
        await esim_access.provision(request_42)
    order_no = await accepted_by_look_up(esim_access, request_42)
    again = await accepted(esim_access, request_42)
    assert again.provider_order_id == order_no
    assert isinstance(await collected(esim_access, again), ProvisionedEsim)
    assert len(sandbox.charges("ESIM_ACCESS", "order-42")) == 1


async def test_an_iccid_that_is_sold_again_is_another_sale(
    sandbox: Sandbox, esim_access: EsimAccess, request_42: ProvisionRequest
) -> None:
    """The next customer has a code of their own, and a late return of the first is not theirs."""
    first = await accepted(esim_access, request_42)
    sold = await collected(esim_access, first)
    bought = Bought("order-42", first.provider_order_id, sold.iccid)
    assert await esim_access.cancel(bought)
    sandbox.rule("ESIM_ACCESS", "reused_iccid")
    esim = await buy(esim_access, replace(request_42, reference="order-43"))
    assert esim.iccid == sold.iccid
    assert esim.activation_code != sold.activation_code
    assert await esim_access.cancel(bought) is True
    assert len(sandbox.net_charges("ESIM_ACCESS", "order-43")) == 1


async def test_order_that_was_never_made_is_absent(
    esim_access: EsimAccess, request_42: ProvisionRequest
) -> None:
    """Another order does not hide it."""
    await buy(esim_access, replace(request_42, reference="order-43"))
    assert await esim_access.advance(request_42) is None


async def test_order_that_fails_later_is_a_persons_matter(
    sandbox: Sandbox, esim_access: EsimAccess, request_42: ProvisionRequest
) -> None:
    """The sandbox calls its state abnormal, which no document explains."""
    sandbox.rule("ESIM_ACCESS", "allocation_failed")
    request = await accepted(esim_access, request_42)
    with pytest.raises(ProviderRefused, match="200009"):
        await collected(esim_access, request)


@pytest.mark.parametrize(
    ("plan_code", "expected"),
    [
        ("SOLDOUT-1GB", ProviderOutOfStock),
        ("UNKNOWN-1GB", ProviderRefused),
        ("NOCREDIT-1GB", ProviderRefused),
    ],
)
async def test_refusal_books_nothing(
    sandbox: Sandbox,
    esim_access: EsimAccess,
    request_42: ProvisionRequest,
    plan_code: str,
    expected: type[ProviderRefused],
) -> None:
    """The sandbox's own refusals, in their words."""
    with pytest.raises(expected) as raised:
        await esim_access.provision(replace(request_42, plan_code=plan_code))
    assert type(raised.value) is expected
    assert sandbox.charges("ESIM_ACCESS") == []


@pytest.mark.parametrize(
    "misbehaviour", ["wrong_plan", "wrong_reference", "wrong_quantity", "bad_iccid", "bad_code"]
)
async def test_unusable_profile_is_never_delivered(
    sandbox: Sandbox, esim_access: EsimAccess, request_42: ProvisionRequest, misbehaviour: str
) -> None:
    """Sold, and the query says something else."""
    sandbox.rule("ESIM_ACCESS", misbehaviour, operation="lookup", times=None)
    request = await accepted(esim_access, request_42)
    with pytest.raises(ProviderReplyUnusable):
        await collected(esim_access, request)


async def test_cancelled_profile_is_refunded_once(
    sandbox: Sandbox, esim_access: EsimAccess, request_42: ProvisionRequest
) -> None:
    """The money comes back, a repetition says the same, and the profile is not delivered."""
    before = await esim_access.balance()
    request = await accepted(esim_access, request_42)
    esim = await collected(esim_access, request)
    bought = Bought("order-42", request.provider_order_id, esim.iccid)
    assert [await esim_access.cancel(bought) for _ in range(2)] == [True, True]
    assert sandbox.net_charges("ESIM_ACCESS", "order-42") == []
    assert await esim_access.balance() == before
    with pytest.raises(ProviderReplyUnusable, match="cancelled"):
        await esim_access.advance(request)


async def test_lost_cancellation_is_found_done(
    sandbox: Sandbox, esim_access: EsimAccess, request_42: ProvisionRequest
) -> None:
    """Nobody knows after a reset; the repetition does."""
    request = await accepted(esim_access, request_42)
    esim = await collected(esim_access, request)
    bought = Bought("order-42", request.provider_order_id, esim.iccid)
    sandbox.rule("ESIM_ACCESS", "reset_after_booking", operation="cancel")
    with pytest.raises(ProviderOutcomeUnknown):
        await esim_access.cancel(bought)
    assert await esim_access.cancel(bought) is True


async def test_notification_of_an_order_is_read(
    sandbox: Sandbox, partner: ScriptedServer, esim_access: EsimAccess, request_42: ProvisionRequest
) -> None:
    """The webhook that arrives names the order and tells nothing secret."""
    partner.answer = answering(200, {})
    sandbox.webhook_url["ESIM_ACCESS"] = f"{partner.base_url}/api/webhooks/ESIM_ACCESS"
    request = await accepted(esim_access, request_42)
    await sandbox.wait_for_webhooks()
    (received,) = partner.requests
    reader = EsimAccessNotices(EsimAccessConfig(access_code=ESIM_ACCESS_ACCESS_CODE))
    (notice,) = reader.read(received.headers, received.body).notices
    assert (notice.kind, notice.trusted) == (NoticeKind.ORDER_READY, False)
    assert (notice.reference, notice.provider_order_id) == ("order-42", request.provider_order_id)
    assert notice.event_id == json.loads(received.body)["notifyId"]
