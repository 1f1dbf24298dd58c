"""What the sandbox tells the operator by itself."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from airalo.helpers.signature import Signature  # type: ignore[import-untyped]

from sandbox import credentials
from sandbox.faults import SandboxFault
from sandbox.http import Request
from sandbox.running import running_sandbox
from sandbox.sandbox import Sandbox
from tests.sandbox.buyers import Buyer
from tests.sandbox.conftest import QUICK
from tests.sandbox.listener import Listener

_SIGNATURE = "airalo-signature"


def _body(request: Request) -> dict[str, Any]:
    parsed = json.loads(request.body)
    assert isinstance(parsed, dict)
    return parsed


def _signed(request: Request) -> bool:
    sdk = Signature(credentials.AIRALO_CLIENT_SECRET)
    return bool(sdk.check_signature(request.headers[_SIGNATURE], json.loads(request.body)))


@pytest.fixture(autouse=True)
def _addressed(sandbox: Sandbox, listener: Listener) -> None:
    for provider in ("AIRALO", "ESIM_ACCESS", "ES2PLUS"):
        sandbox.webhook_url[provider] = listener.url


async def test_airalo_announces_an_async_order_signed(
    buyer: Buyer, sandbox: Sandbox, listener: Listener
) -> None:
    """The sims, with the request id, signed so that PyPI `airalo-sdk` takes it."""
    accepted = (await buyer.airalo("orders-async")).json()["data"]
    await sandbox.wait_for_webhooks()
    (heard,) = listener.heard
    assert _signed(heard)
    assert _body(heard)["data"]["request_id"] == accepted["request_id"]
    assert _body(heard)["data"]["sims"][0]["matching_id"] in sandbox.codes()


async def test_the_orders_own_url_wins(buyer: Buyer, sandbox: Sandbox, listener: Listener) -> None:
    """Over the configured one."""
    async with Listener() as other:
        await buyer.airalo("orders-async", webhook_url=other.url)
        await sandbox.wait_for_webhooks()
        assert len(other.heard) == 1
    assert listener.heard == []


async def test_airalo_announces_a_failure_without_sims(
    buyer: Buyer, sandbox: Sandbox, listener: Listener
) -> None:
    """A reason, and no charge; the list shows it as failed, with a name that we do not know."""
    sandbox.rule("AIRALO", "allocation_failed", operation="order_async")
    await buyer.airalo("orders-async")
    await sandbox.wait_for_webhooks()
    assert _body(listener.heard[0]).keys() == {"request_id", "reason"}
    assert sandbox.net_charges() == []
    [listed] = (await buyer.look_up("AIRALO")).json()["data"]
    assert (listed["sims"], listed["status"]["slug"]) == ([], "failed")
    assert "request_id" not in listed


async def test_esim_access_announces_unsigned(
    buyer: Buyer, sandbox: Sandbox, listener: Listener
) -> None:
    """An ORDER_STATUS with a notifyId of its own."""
    order_no = (await buyer.buy("ESIM_ACCESS")).json()["obj"]["orderNo"]
    await sandbox.wait_for_webhooks()
    body = _body(listener.heard[0])
    assert body["notifyType"] == "ORDER_STATUS"
    assert body["notifyId"]
    assert body["content"] == {
        "orderNo": order_no,
        "transactionId": "order-1",
        "orderStatus": "GOT_RESOURCE",
    }
    assert _SIGNATURE not in listener.heard[0].headers


async def test_es2plus_reports_a_download_in_order(
    buyer: Buyer, sandbox: Sandbox, listener: Listener
) -> None:
    """Points 3 and 4, with the padded ICCID, under the protocol's header."""
    iccid = (await buyer.buy("ES2PLUS")).json()["iccid"]
    await buyer.es2plus("confirmOrder", iccid=iccid, releaseFlag=True)
    sandbox.download(iccid.removesuffix("F"))
    await sandbox.wait_for_webhooks()
    assert [_body(heard)["notificationPointId"] for heard in listener.heard] == [3, 4]
    assert {_body(heard)["iccid"] for heard in listener.heard} == {iccid}
    assert listener.heard[0].headers["x-admin-protocol"].startswith("gsma/rsp/v2.")


async def test_es2plus_comes_through_a_proxy_that_vouches_for_it(
    buyer: Buyer, sandbox: Sandbox, listener: Listener
) -> None:
    """By a header; a rule may spoil it."""
    sandbox.rule("ES2PLUS", "webhook_forged")
    iccid = (await buyer.buy("ES2PLUS")).json()["iccid"]
    await buyer.es2plus("confirmOrder", iccid=iccid, releaseFlag=True)
    sandbox.download(iccid.removesuffix("F"))
    await sandbox.wait_for_webhooks()
    shown = [heard.headers[credentials.ES2PLUS_NOTIFICATION_HEADER] for heard in listener.heard]
    assert [one == credentials.ES2PLUS_NOTIFICATION_SECRET for one in shown] == [False, True]


async def test_a_profile_that_is_not_released_cannot_be_downloaded(
    buyer: Buyer, sandbox: Sandbox
) -> None:
    """As a device would find out."""
    iccid = (await buyer.buy("ES2PLUS")).json()["iccid"].removesuffix("F")
    with pytest.raises(SandboxFault, match="is released"):
        sandbox.download(iccid)


@pytest.mark.parametrize(
    ("misbehaviour", "signatures"),
    [
        ("webhook_lost", []),
        ("webhook_twice", [True, True]),
        ("webhook_forged", [False]),
        ("webhook_unsigned", [None]),
        ("webhook_early", [True]),
    ],
)
async def test_a_webhook_goes_wrong(
    buyer: Buyer,
    sandbox: Sandbox,
    listener: Listener,
    misbehaviour: str,
    signatures: list[bool | None],
) -> None:
    """Lost, twice, with a wrong signature or none, before the reply."""
    sandbox.rule("AIRALO", misbehaviour, operation="order_async")
    await buyer.airalo("orders-async")
    if misbehaviour == "webhook_early":
        assert len(listener.heard) == 1
    await sandbox.wait_for_webhooks()
    heard = [_signed(one) if _SIGNATURE in one.headers else None for one in listener.heard]
    assert heard == signatures
    assert len({one.body for one in listener.heard}) <= 1


async def test_a_late_webhook_can_be_called_in(
    buyer: Buyer, sandbox: Sandbox, listener: Listener
) -> None:
    """It would come in an hour; a flush sends it now."""
    sandbox.rule("ESIM_ACCESS", "webhook_late", seconds=3600)
    await buyer.buy("ESIM_ACCESS")
    with pytest.raises(TimeoutError):
        await sandbox.wait_for_webhooks(0.05)
    assert listener.heard == []
    assert await sandbox.webhooks.flush() == 1
    assert len(listener.heard) == 1


async def test_webhooks_overtake_each_other(
    buyer: Buyer, sandbox: Sandbox, listener: Listener
) -> None:
    """The first one comes after the second."""
    sandbox.rule("ESIM_ACCESS", "webhook_out_of_order")
    await buyer.buy("ESIM_ACCESS", "first")
    await sandbox.wait_for_webhooks()
    await buyer.buy("ESIM_ACCESS", "second")
    await sandbox.wait_for_webhooks()
    heard = [_body(one)["content"]["transactionId"] for one in listener.heard]
    assert heard == ["second", "first"]


async def test_a_webhook_is_repeated_until_it_is_accepted(
    buyer: Buyer, sandbox: Sandbox, listener: Listener
) -> None:
    """Two failures, then a 204."""
    listener.answers = [500, 302]
    await buyer.buy("ESIM_ACCESS")
    await sandbox.wait_for_webhooks()
    assert len(listener.heard) == 3
    assert sandbox.webhooks.sent[0].answers == [500, 302, 204]


async def test_a_url_that_is_none_is_given_up(buyer: Buyer, sandbox: Sandbox) -> None:
    """The order's own; the purchase is not touched by it."""
    accepted = await buyer.airalo("orders-async", webhook_url="http://127.0.0.1:port/")
    await sandbox.wait_for_webhooks()
    assert accepted.status_code == 202
    assert sandbox.webhooks.sent[0].answers == ["InvalidURL"] * 4


async def test_any_webhook_can_be_sent(sandbox: Sandbox, listener: Listener) -> None:
    """Signed as its provider does; where to has to be known."""
    sent = await sandbox.send_webhook("AIRALO", {"message": "Surpassed 80% of the credit limit"})
    assert sent.accepted
    assert _signed(listener.heard[0])
    sandbox.webhook_url["AIRALO"] = None
    with pytest.raises(SandboxFault, match="Where to"):
        await sandbox.send_webhook("AIRALO", {})


async def test_a_restarted_sandbox_sends_what_it_owes(
    client: httpx.AsyncClient, listener: Listener, tmp_path: Path
) -> None:
    """Once: what was accepted before is not sent again."""
    folder = tmp_path / "restarted"
    async with running_sandbox(folder, settings=QUICK) as first:
        first.webhook_url["ESIM_ACCESS"] = listener.url
        first.rule("ESIM_ACCESS", "webhook_late", reference="owed", seconds=3600)
        await Buyer(client, first).buy("ESIM_ACCESS", "sent")
        await first.wait_for_webhooks()
        await Buyer(client, first).buy("ESIM_ACCESS", "owed")
    async with running_sandbox(folder, settings=QUICK) as second:
        await second.wait_for_webhooks()
    heard = [_body(one)["content"]["transactionId"] for one in listener.heard]
    assert heard == ["sent", "owed"]
