"""ES2+ behind mutual TLS."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from sandbox.adapter_variables import CA_FILE, CLIENT_FILE
from sandbox.running import running_sandbox
from sandbox.sandbox import Sandbox
from tests.sandbox.buyers import Buyer
from tests.sandbox.conftest import QUICK


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A sandbox with TLS."""
    async with running_sandbox(tmp_path, tls=True, settings=QUICK) as sandbox:
        yield sandbox


def _trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=folder / CA_FILE)


async def test_a_client_with_a_certificate_is_served(guarded: Sandbox) -> None:
    """With the files that the sandbox wrote; keys are for their owner alone."""
    context = _trusting(guarded.folder)
    context.load_cert_chain(guarded.folder / CLIENT_FILE)
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        sold = await Buyer(client, guarded).buy("ES2PLUS")
    assert guarded.base_url("ES2PLUS").startswith("https://127.0.0.1:")
    assert sold.json()["iccid"].endswith("F")
    assert (guarded.folder / CLIENT_FILE).stat().st_mode & 0o077 == 0


async def test_a_client_without_a_certificate_is_refused(guarded: Sandbox) -> None:
    """By the handshake: no request is read."""
    async with httpx.AsyncClient(verify=_trusting(guarded.folder), trust_env=False) as client:
        with pytest.raises(httpx.TransportError):
            await Buyer(client, guarded).buy("ES2PLUS")
    assert guarded.calls() == []


async def test_a_reset_goes_through_tls(guarded: Sandbox) -> None:
    """The misbehaviours of the socket work there too."""
    context = _trusting(guarded.folder)
    context.load_cert_chain(guarded.folder / CLIENT_FILE)
    guarded.rule("ES2PLUS", "reset_after_booking")
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        with pytest.raises(httpx.TransportError):
            await Buyer(client, guarded).buy("ES2PLUS")
    assert len(guarded.charges("ES2PLUS")) == 1


async def test_es2plus_is_not_on_the_plain_port_then(
    guarded: Sandbox, client: httpx.AsyncClient
) -> None:
    """The answer says where it is; the other contracts are on the plain port as ever."""
    answer = await client.post(f"{guarded.url}/es2plus/gsma/rsp2/es2plus/downloadOrder", json={})
    assert answer.status_code == 404
    assert guarded.base_url("ES2PLUS") in answer.text
    assert (await Buyer(client, guarded).buy("CONNECTED_YOU")).status_code == 200


async def test_a_restarted_sandbox_is_still_trusted(tmp_path: Path) -> None:
    """Clients keep the files."""
    for _ in range(2):
        async with running_sandbox(tmp_path, tls=True) as sandbox:
            written = (sandbox.folder / CA_FILE).read_bytes()
    assert (tmp_path / CA_FILE).read_bytes() == written
