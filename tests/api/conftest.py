"""A served app, customers of it, and a partner that can misbehave behind its worker."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from api.app import AppSettings
from local.temporal import TemporalServer
from tests.api.server import app_settings, serving
from tests.api.tokens import admin, bearer
from tests.workflows.conftest import (
    activations,
    ambiguity,
    partner,
    providers,
    timeout_seconds,
    watch,
)

# As in tests/workflows.
__all__ = ["activations", "ambiguity", "partner", "providers", "timeout_seconds", "watch"]

_LIMITS = httpx.Limits(max_connections=200)


@pytest.fixture
def settings(
    database_url: str, temporal_server: TemporalServer, task_queue: str, catalogue: None
) -> AppSettings:
    """Settings of the app under test; tests override them."""
    del catalogue
    return app_settings(database_url, temporal_server.address, task_queue)


@pytest.fixture
def api_url(settings: AppSettings) -> Iterator[str]:
    """The app under test, served."""
    with serving(settings) as url:
        yield url


@pytest.fixture
async def anybody(api_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    async with httpx.AsyncClient(base_url=api_url, timeout=30, limits=_LIMITS) as client:
        yield client


@pytest.fixture
async def customer(anybody: httpx.AsyncClient) -> httpx.AsyncClient:
    """Customer 1, who owns what `paid_order` makes."""
    anybody.headers.update(bearer(1))
    return anybody


@pytest.fixture
async def ops(api_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with the admin scope who owns nothing: user 1 is the only one to own orders."""
    async with httpx.AsyncClient(base_url=api_url, timeout=30, headers=admin(1)) as client:
        yield client
