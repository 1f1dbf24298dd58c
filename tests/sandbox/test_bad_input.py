"""Requests that no contract foresees: refused, and never a defect."""

import copy
from typing import Any

import httpx
import pytest

from sandbox import credentials
from sandbox.sandbox import Sandbox
from tests.sandbox.buyers import PAGER, Buyer

_STRANGE_PLAN = "é" * 300  # which is sold: any plan is
_STRANGE: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    10**30,
    "",
    _STRANGE_PLAN,
    [],
    [[]],
    {},
    {"a": 1},
)
_ES2PLUS = {
    "header": {
        "functionRequesterIdentifier": credentials.ES2PLUS_REQUESTER,
        "functionCallIdentifier": "order-1",
    }
}
_STEP = _ES2PLUS | {"iccid": "89210000000000000000F", "eid": "1" * 32, "matchingId": "A"}
_REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "connected-you": (
        "CONNECTED_YOU",
        "/partners/orders",
        {
            "partnerId": credentials.CONNECTED_YOU_PARTNER_ID,
            "orderReference": "order-1",
            "planCode": "UNKNOWN-1",
            "quantity": 1,
        },
    ),
    "airalo": (
        "AIRALO",
        "/orders-async",
        {
            "package_id": "UNKNOWN-1",
            "quantity": 1,
            "type": "sim",
            "description": "order-1",
            "webhook_url": "http://127.0.0.1:1/",
        },
    ),
    "token": ("AIRALO", "/token", {"client_id": "a", "client_secret": "b"}),
    "esim-access": (
        "ESIM_ACCESS",
        "/esim/order",
        {
            "transactionId": "order-1",
            "amount": 45_000,
            "packageInfoList": [{"packageCode": "UNKNOWN-1", "count": 1}],
        },
    ),
    "query": ("ESIM_ACCESS", "/esim/query", {"orderNo": "B1", "iccid": "1", "pager": PAGER}),
    "cancel": ("ESIM_ACCESS", "/esim/cancel", {"iccid": "1", "esimTranNo": "T1"}),
    "packages": ("ESIM_ACCESS", "/package/list", {"packageCode": "A"}),
    "downloadOrder": (
        "ES2PLUS",
        "/gsma/rsp2/es2plus/downloadOrder",
        _ES2PLUS | {"profileType": "UNKNOWN-1", "eid": "1" * 32},
    ),
    "confirmOrder": ("ES2PLUS", "/gsma/rsp2/es2plus/confirmOrder", _STEP | {"releaseFlag": True}),
    "cancelOrder": (
        "ES2PLUS",
        "/gsma/rsp2/es2plus/cancelOrder",
        _STEP | {"finalProfileStatusIndicator": "Available"},
    ),
    "releaseProfile": ("ES2PLUS", "/gsma/rsp2/es2plus/releaseProfile", _STEP),
    "rules": ("", "/_sandbox/rules", {"provider": "AIRALO", "misbehaviour": "x", "options": {}}),
    "downloads": ("", "/_sandbox/downloads", {"iccid": "1"}),
}


@pytest.mark.parametrize("name", _REQUESTS)
async def test_a_strange_value_is_refused(
    buyer: Buyer, client: httpx.AsyncClient, sandbox: Sandbox, name: str
) -> None:
    """Each field in turn is anything but what it should be; so is the whole body."""
    provider, path, body = _REQUESTS[name]
    url = (sandbox.base_url(provider) if provider else sandbox.url) + path
    headers = {**await _credentials(buyer), "x-admin-protocol": "gsma/rsp/v2.2.0"}
    for strange in (*_variants(body), *_STRANGE):
        answer = await client.post(url, json=strange, headers=headers)
        assert "defect" not in answer.text, strange
        assert answer.status_code < 500
    for broken in (b"", b"{", b"[" * 100_000, b"\xff\xfe"):
        answer = await client.post(url, content=broken, headers=headers)
        assert answer.status_code < 500
    assert {charge.plan_code for charge in sandbox.charges()} <= {_STRANGE_PLAN}


async def test_a_body_that_is_too_long_ends_the_connection(
    client: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    """Nothing reads two mebibytes into memory."""
    with pytest.raises(httpx.TransportError):
        await client.post(f"{sandbox.url}/_sandbox/rules", content=b" " * (2 * 1024 * 1024))


async def test_a_defect_is_an_answer(
    buyer: Buyer,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not a dropped connection, which would look like a misbehaviour that was asked for."""
    monkeypatch.setattr(sandbox.contracts["CONNECTED_YOU"], "answer", None)
    answer = await buyer.buy("CONNECTED_YOU")
    assert answer.status_code == 500
    assert "defect of the sandbox: TypeError" in answer.text
    assert "A defect" in caplog.text


async def _credentials(buyer: Buyer) -> dict[str, str]:
    return {
        "x-api-key": credentials.CONNECTED_YOU_API_KEY,
        "rt-accesscode": credentials.ESIM_ACCESS_ACCESS_CODE,
        **await buyer.airalo_headers(),
    }


def _variants(body: Any) -> list[Any]:
    """The body with one value, at any depth, replaced by a strange one."""
    found: list[Any] = []
    for key in body if isinstance(body, dict) else range(len(body)):
        for strange in _STRANGE:
            changed = copy.deepcopy(body)
            changed[key] = strange
            found.append(changed)
        if isinstance(body[key], dict | list):
            for inner in _variants(body[key]):
                changed = copy.deepcopy(body)
                changed[key] = inner
                found.append(changed)
    return found
