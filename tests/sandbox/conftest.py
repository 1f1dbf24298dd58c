"""A sandbox of the test's own, a client, and somebody who listens for webhooks."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from sandbox.running import running_sandbox
from sandbox.sandbox import Sandbox
from sandbox.settings import SandboxSettings
from tests.sandbox.buyers import Buyer
from tests.sandbox.listener import Listener

QUICK = SandboxSettings(
    delivery_delay_seconds=0.0, tokens_per_minute=None, webhook_retry_seconds=0.01
)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """It delivers at once and hands out as many tokens as one likes."""
    async with running_sandbox(tmp_path / "sandbox", settings=QUICK) as sandbox:
        yield sandbox


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Waits two seconds for an answer: long for a loopback, short for a hanging sandbox."""
    async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
        yield client


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """Hears webhooks."""
    async with Listener() as listener:
        yield listener


@pytest.fixture
def buyer(client: httpx.AsyncClient, sandbox: Sandbox) -> Buyer:
    """A client of every contract."""
    return Buyer(client, sandbox)
