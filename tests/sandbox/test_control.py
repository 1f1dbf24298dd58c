"""The control API: what other processes use, and how it refuses."""

import asyncio
from typing import Any

import httpx
import pytest

from sandbox.misbehaviours import Misbehaviour
from sandbox.sandbox import Sandbox
from tests.sandbox.buyers import PROVIDERS, Buyer
from tests.sandbox.listener import Listener


async def test_it_says_what_is_there(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    """Base URLs, credentials, operations and the ways to misbehave."""
    there = (await client.get(f"{sandbox.url}/_sandbox")).json()
    assert {name: one["base_url"] for name, one in there["providers"].items()} == {
        name: sandbox.base_url(name) for name in PROVIDERS
    }
    assert there["credentials"]["CONNECTED_YOU_API_KEY"] == "sandbox-connected-you-key"
    assert set(there["misbehaviours"]) == set(Misbehaviour)


async def test_rules_are_made_listed_and_cleared(
    sandbox: Sandbox, client: httpx.AsyncClient, buyer: Buyer
) -> None:
    """A rule made over HTTP works like one made in the process."""
    url = f"{sandbox.url}/_sandbox/rules"
    wanted = {"provider": "CONNECTED_YOU", "misbehaviour": "status", "options": {"code": 500}}
    made = await client.post(url, json={**wanted, "times": None})
    assert made.status_code == 201
    assert (await buyer.buy("CONNECTED_YOU")).status_code == 500
    listed = (await client.get(url)).json()["rules"]
    assert listed == [{**made.json(), "used": 1}]
    assert (await client.delete(url)).json() == {"cleared": 1}
    assert (await client.get(url)).json() == {"rules": []}


async def test_the_ledger_is_a_statement_by_purchase(
    sandbox: Sandbox, client: httpx.AsyncClient, buyer: Buyer
) -> None:
    """Charges, voids and what is left, per reference and in all; no codes."""
    await buyer.buy("CONNECTED_YOU")
    await buyer.buy("CONNECTED_YOU")
    sandbox.rule("ESIM_ACCESS", "allocation_failed")
    await buyer.buy("ESIM_ACCESS", "order-2")
    answer = await client.get(f"{sandbox.url}/_sandbox/ledger")
    sums = [
        (one["reference"], one["charges"], one["voids"], one["net_cents"])
        for one in answer.json()["purchases"]
    ]
    assert sums == [("order-1", 2, 0, 900), ("order-2", 1, 1, 0)]
    assert answer.json()["total"] == {
        "charges": 3,
        "voids": 1,
        "net_charges": 2,
        "net_cents": 900,
    }
    assert not any(code in answer.text for code in sandbox.codes())
    narrowed = f"{sandbox.url}/_sandbox/ledger?provider=ESIM_ACCESS"
    assert len((await client.get(narrowed)).json()["purchases"]) == 1


async def test_calls_tell_how_they_ended(
    sandbox: Sandbox, client: httpx.AsyncClient, buyer: Buyer
) -> None:
    """And which rule applied."""
    rule = sandbox.rule("CONNECTED_YOU", "status", code=500)
    await buyer.buy("CONNECTED_YOU")
    answer = await client.get(f"{sandbox.url}/_sandbox/calls?provider=CONNECTED_YOU")
    (call,) = answer.json()["calls"]
    assert (call["reference"], call["status"], call["ended"]) == ("order-1", 500, "replied")
    assert (call["misbehaviours"], call["rules"]) == (["status"], [rule.rule_id])


async def test_webhooks_can_be_flushed_and_profiles_downloaded(
    sandbox: Sandbox, client: httpx.AsyncClient, buyer: Buyer, listener: Listener
) -> None:
    """From outside the process as well."""
    sandbox.webhook_url["ES2PLUS"] = listener.url
    sandbox.rule("ES2PLUS", "webhook_late", seconds=3600, times=None)
    iccid = (await buyer.buy("ES2PLUS")).json()["iccid"].removesuffix("F")
    await buyer.es2plus("confirmOrder", iccid=iccid, releaseFlag=True)
    downloaded = await client.post(f"{sandbox.url}/_sandbox/downloads", json={"iccid": iccid})
    assert downloaded.json() == {"state": "Installed"}
    flushed = await client.post(f"{sandbox.url}/_sandbox/webhooks/flush")
    assert flushed.json() == {"sent": 2}
    sent = (await client.get(f"{sandbox.url}/_sandbox/webhooks")).json()["webhooks"]
    assert [one["answers"] for one in sent] == [[204], [204]]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "Send a JSON object"),
        ({"provider": "AIRALO"}, "needs a misbehaviour"),
        ({"provider": "NOBODY", "misbehaviour": "status"}, "There are: CONNECTED_YOU"),
        ({"provider": "AIRALO", "misbehaviour": "tantrum"}, "There are: latency"),
        (
            {"provider": "AIRALO", "misbehaviour": "status", "operation": "sing"},
            "It has: token, order",
        ),
        ({"provider": "ES2PLUS", "misbehaviour": "lookup_error"}, "its contract has no look-up"),
        ({"provider": "ES2PLUS", "misbehaviour": "lagging_lookup"}, "no look-up"),
        ({"provider": "ESIM_ACCESS", "misbehaviour": "webhook_forged"}, "signs no webhooks"),
        ({"provider": "CONNECTED_YOU", "misbehaviour": "webhook_lost"}, "sends no webhooks"),
        (
            {"provider": "CONNECTED_YOU", "misbehaviour": "allocation_delay"},
            "hands profiles out at once",
        ),
        (
            {"provider": "AIRALO", "misbehaviour": "allocation_failed", "operation": "order"},
            "It can to: order_async",
        ),
        (
            {"provider": "AIRALO", "misbehaviour": "status", "options": {"code": 200}},
            "must be 400 to 599",
        ),
        (
            {"provider": "AIRALO", "misbehaviour": "error_after_booking", "options": {"code": 422}},
            "must be 500 to 599",
        ),
        (
            {"provider": "AIRALO", "misbehaviour": "latency", "options": {"second": 1}},
            "It has: seconds",
        ),
        (
            {"provider": "AIRALO", "misbehaviour": "latency", "options": {"seconds": "soon"}},
            "must be a number",
        ),
        (
            {"provider": "AIRALO", "misbehaviour": "latency", "options": {"seconds": -1}},
            "must be 0 or more",
        ),
        (
            {"provider": "AIRALO", "misbehaviour": "bad_iccid", "options": {"kind": "ugly"}},
            "letters, luhn",
        ),
        ({"provider": "AIRALO", "misbehaviour": "status", "times": 0}, "times must be at least 1"),
        ({"provider": "AIRALO", "misbehaviour": "status", "times": "2"}, "whole numbers"),
        ({"provider": "AIRALO", "misbehaviour": "status", "time": 2}, "A rule has no time"),
    ],
)
async def test_a_rule_that_cannot_apply_is_refused_with_a_way_on(
    sandbox: Sandbox, client: httpx.AsyncClient, body: Any, words: str
) -> None:
    """One sentence that says what is wrong and what would do."""
    answer = await client.post(f"{sandbox.url}/_sandbox/rules", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert sandbox.rulebook.rules == []


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/_sandbox/rulez", 404, "/_sandbox/rules"),
        ("PUT", "/_sandbox/rules", 405, "GET, POST, DELETE"),
        ("GET", "/_sandbox/ledger?order=7", 400, "provider, reference"),
        ("POST", "/_sandbox/downloads", 400, "iccid"),
        ("GET", "/somewhere/else", 404, "/_sandbox"),
        ("GET", "/connected-you/partners/order", 404, "404"),
        ("PUT", "/connected-you/partners/orders", 405, "405"),
    ],
)
async def test_a_wrong_path_says_which_are_right(
    sandbox: Sandbox, client: httpx.AsyncClient, method: str, path: str, status: int, words: str
) -> None:
    """Nobody has to read the source for it."""
    answer = await client.request(method, sandbox.url + path)
    assert answer.status_code == status
    assert words in answer.text


async def test_what_is_no_http_gets_a_400(sandbox: Sandbox) -> None:
    """And the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    writer.write(b"ehlo sandbox\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()
