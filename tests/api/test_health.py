"""Alive and ready."""

import asyncio

import httpx
import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import build_app
from domain.errors import Misconfigured
from local.temporal import TemporalServer
from tests.api.server import app_settings, serving
from tests.pooler import running_pooler
from tests.rows import run, value

_END_THE_OTHERS = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


async def test_an_app_with_everything_is_ready(anybody: httpx.AsyncClient) -> None:
    """Both answers are 200, and neither wants a token."""
    assert (await anybody.get("/healthz")).json()["status"] == "ok"
    ready = await anybody.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["postgres"]) == (200, "ok")
    assert ready.json()["checks"]["temporal"] == "ok"


async def test_without_postgres_or_temporal_it_is_alive_and_not_ready(
    database_url: str, temporal_server: TemporalServer
) -> None:
    """503 names what is missing; liveness does not depend on it."""
    nowhere = "postgresql+psycopg://esim:canary-password@127.0.0.1:1/esim"
    for settings, missing in (
        (app_settings(nowhere, temporal_server.address), "postgres"),
        (app_settings(database_url, "127.0.0.1:1"), "temporal"),
    ):
        with serving(settings) as url:
            async with httpx.AsyncClient(base_url=url, timeout=30) as client:
                assert (await client.get("/healthz")).status_code == 200
                ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "not-ready")
        assert ready.json()["checks"][missing] != "ok"
        assert "canary" not in ready.text


async def test_a_server_that_refuses_writes_is_not_ready(
    anybody: httpx.AsyncClient, engine: AsyncEngine, database_url: str
) -> None:
    """A switch-over to a read-only server shows within the second, and passes by itself."""
    name = make_url(database_url).database
    assert (await anybody.get("/readyz")).status_code == 200
    await run(engine, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await value(engine, _END_THE_OTHERS)
    assert await _postgres_becomes(anybody, "Postgres is unavailable (25006).") == 503
    await run(engine, "SET default_transaction_read_only = off")
    await engine.dispose()


async def _postgres_becomes(client: httpx.AsyncClient, finding: str) -> int:
    """The status of /readyz once it says this."""
    async with asyncio.timeout(20):
        while True:
            answer = await client.get("/readyz")
            if answer.json()["checks"]["postgres"] == finding:
                return answer.status_code


async def test_a_pool_outlives_its_connections(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Every backend of the app is killed; the next request is served all the same."""
    for _ in range(2):
        assert (await customer.get("/api/orders/mine")).status_code == 200
        await value(engine, _END_THE_OTHERS)
    assert (await customer.get("/api/orders/mine")).status_code == 200


async def test_an_app_behind_a_transaction_pooler_does_not_start(
    database_url: str, temporal_server: TemporalServer
) -> None:
    """It would wait in vain for notifications, and a lock would hold nobody off."""
    async with running_pooler(database_url, by_transaction=True) as pooled:
        app = build_app(app_settings(pooled, temporal_server.address))
        with pytest.raises(Misconfigured, match="transaction mode"):
            async with app.router.lifespan_context(app):
                pass
