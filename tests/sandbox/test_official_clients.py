"""The providers' own clients as independent readers: what they understand is the contract."""

import asyncio
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import credentials
from sandbox.sandbox import Sandbox

_PUBLISHED_BASE = "https://api.esimaccess.com/api/v1/open"


@pytest.fixture
def airalo(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[type[Any]]:
    """The class of `airalo-sdk`, pointed here; its token cache is the test's own."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    constants = importlib.import_module("airalo.constants.api_constants").ApiConstants
    monkeypatch.setattr(constants, "PRODUCTION_URL", f"{sandbox.base_url('AIRALO')}/")
    cached = importlib.import_module("airalo.helpers.cached").Cached
    monkeypatch.setattr(cached, "_cache_path", tmp_path)
    client: type[Any] = importlib.import_module("airalo").Airalo
    yield client
    client._pool = {}  # noqa: SLF001 - it shares its connections between all instances


async def test_airalos_own_client_orders(airalo: type[Any], sandbox: Sandbox) -> None:
    """At once, later, and in bulk; what the sandbox sold is what the client read."""
    given = {
        "client_id": credentials.AIRALO_CLIENT_ID,
        "client_secret": credentials.AIRALO_CLIENT_SECRET,
    }

    def order() -> tuple[Any, Any, Any]:
        client = airalo(given)
        bulk = client.order_bulk({"PLAN-A": 1, "PLAN-B": 2}, "bulk")
        return client.order("PLAN-1", 2, "order-1"), client.order_async("PLAN-1", 1), bulk

    ordered, accepted, bulk = await asyncio.to_thread(order)
    sold = sandbox.ledger.orders("AIRALO", "order-1")[0]
    assert [sim["iccid"] for sim in ordered["data"]["sims"]] == [
        profile.iccid for profile in sold.profiles
    ]
    assert ordered["data"]["price"] == 9.0
    assert accepted["data"]["request_id"]
    assert {plan: len(one["data"]["sims"]) for plan, one in bulk.items()} == {
        "PLAN-A": 1,
        "PLAN-B": 2,
    }
    assert len(sandbox.charges("AIRALO")) == 4


async def test_airalos_own_client_reads_a_refusal(airalo: type[Any]) -> None:
    """A 422 becomes its error, with our code in it."""
    given = {
        "client_id": credentials.AIRALO_CLIENT_ID,
        "client_secret": credentials.AIRALO_CLIENT_SECRET,
    }

    def order() -> None:
        airalo(given).order("SOLDOUT-1", 1)

    with pytest.raises(Exception, match=r'status code: 422.*"code": 33'):
        await asyncio.to_thread(order)


async def test_esim_accesss_own_client_orders_queries_and_cancels(sandbox: Sandbox) -> None:
    """Its URLs are fixed, so its connection is led here."""
    library: Any = importlib.import_module("esimaccess_python")
    base = sandbox.base_url("ESIM_ACCESS")

    def lead_here(request: httpx.Request) -> None:
        request.url = httpx.URL(str(request.url).replace(_PUBLISHED_BASE, base))
        request.headers["host"] = request.url.netloc.decode()

    def talk() -> list[Any]:
        with library.authenticate(credentials.ESIM_ACCESS_ACCESS_CODE) as connection:
            connection.event_hooks = {"request": [lead_here]}
            client = library.Package(connection)
            pager = library.PageParam(pageSize=10, pageNum=1)
            line = {"packageCode": "PLAN-1", "count": 1, "price": 45_000}
            ordered = client.order("order-1", [line], amount=45_000)
            queried = client.query(pager, orderNo=ordered["obj"]["orderNo"])
            esim = queried["obj"]["esimList"][0]
            by_iccid = client.query(pager, iccid=esim["iccid"])
            return [
                client.list(),
                client.balance(),
                queried,
                by_iccid,
                client.cancel(esim["iccid"]),
            ]

    listed, balance, queried, by_iccid, cancelled = await asyncio.to_thread(talk)
    assert [plan["price"] for plan in listed["obj"]["packageList"]] == [45_000] * 4
    assert balance["obj"]["balance"] > 0
    assert queried["obj"] == by_iccid["obj"]
    assert queried["obj"]["esimList"][0]["iccid"] in sandbox.ledger.sold()
    assert json.dumps(cancelled)
    assert cancelled["success"]
    assert sandbox.net_charges() == []
