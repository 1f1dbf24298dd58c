"""Calls from web pages of other origins."""

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import AppSettings
from local.temporal import TemporalServer
from tests.api.server import app_settings
from tests.api.tokens import bearer
from tests.rows import paid_order

SHOP = "https://shop.example.com"


@pytest.fixture
def settings(
    database_url: str, temporal_server: TemporalServer, task_queue: str, catalogue: None
) -> AppSettings:
    """The shop's pages may call, and those of a developer."""
    del catalogue
    origins = f"{SHOP}, http://localhost:5173"
    return app_settings(database_url, temporal_server.address, task_queue, cors_origins=origins)


async def test_a_page_of_the_shop_may_call_and_see_the_headers(anybody: httpx.AsyncClient) -> None:
    """The question before, answers, problems of every layer: all name the origin."""
    asked = await anybody.options(
        "/api/esims/activate",
        headers={
            "Origin": SHOP,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,prefer",
        },
    )
    assert asked.status_code == 200
    assert "POST" in asked.headers["access-control-allow-methods"]
    for path, status in (("/api/esims/mine", 200), ("/api/nowhere", 404)):
        answer = await anybody.get(path, headers=bearer(1) | {"Origin": SHOP})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, SHOP)
        assert "Retry-After" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers
    refused = await anybody.post("/api/orders", content=b"x" * 99_999, headers={"Origin": SHOP})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (413, SHOP)


async def test_streams_are_for_pages_too(anybody: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """The first bytes come under the same header."""
    order_id = await paid_order(engine)
    path = f"/api/activations/{order_id}/events"
    async with anybody.stream("GET", path, headers=bearer(1) | {"Origin": SHOP}) as stream:
        assert stream.headers["access-control-allow-origin"] == SHOP
        assert await anext(stream.aiter_lines())


@pytest.mark.parametrize("origin", ["https://evil.example.com", f"{SHOP}.evil.example", "null"])
async def test_other_pages_are_not_told(anybody: httpx.AsyncClient, origin: str) -> None:
    """No header, so the browser keeps the answer from them; the question before is refused."""
    answer = await anybody.get("/api/esims/mine", headers=bearer(1) | {"Origin": origin})
    assert "access-control-allow-origin" not in answer.headers
    asked = await anybody.options(
        "/api/esims/mine", headers={"Origin": origin, "Access-Control-Request-Method": "GET"}
    )
    assert asked.status_code == 400
