"""A sandbox that listens, for as long as a block runs.

Everything is on one port of the loopback address, in plain HTTP. With TLS, ES2+ moves to a port of
its own, where a client certificate is demanded.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from ssl import SSLContext
from typing import Final

from sandbox.contracts.es2plus import Es2Plus
from sandbox.control import CONTROL_PATH, Control
from sandbox.faults import SandboxFault
from sandbox.http import Exchange, HttpServer, Request, json_reply
from sandbox.sandbox import Sandbox
from sandbox.settings import SandboxSettings

DEFAULT_SETTINGS: Final = SandboxSettings()


@asynccontextmanager
async def running_sandbox(
    folder: Path,
    *,
    port: int = 0,
    tls: bool = False,
    tls_port: int = 0,
    settings: SandboxSettings = DEFAULT_SETTINGS,
) -> AsyncIterator[Sandbox]:
    """Listen on the loopback address; a port of 0 is any free one.

    Args:
        folder: where the ledger is kept and, with TLS, ca.pem and client.pem.
        port: for everything but ES2+ with TLS.
        tls: serve ES2+ with mutual TLS.
        tls_port: for that.
        settings: how it behaves when no rule says otherwise.

    Raises:
        SandboxFault: a port is taken, or another sandbox uses the folder.
    """
    sandbox = Sandbox(folder, settings)
    doors = _Doors(sandbox)
    servers = [HttpServer(doors.plain), HttpServer(doors.guarded)]
    try:
        sandbox.port = await _listen(servers[0], port)
        if tls:
            from sandbox.certificates import server_context  # noqa: PLC0415 - trustme is optional

            sandbox.tls_port = await _listen(servers[1], tls_port, server_context(folder))
        sandbox.resume()
        yield sandbox
    finally:
        for server in servers:
            await server.stop()
        await sandbox.stop()


class _Doors:
    """Who answers what, on which port."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._control = Control(sandbox)

    async def plain(self, request: Request, exchange: Exchange) -> None:
        """Answer control and every contract, ES2+ only without TLS."""
        if request.path == CONTROL_PATH or request.path.startswith(f"{CONTROL_PATH}/"):
            await exchange.send(await self._control.answer(request))
            return
        contract = self._sandbox.contract_at(request.path)
        if contract is None:
            await exchange.send(json_reply(404, {"error": f"Nothing is here. See {CONTROL_PATH}"}))
        elif isinstance(contract, Es2Plus) and self._sandbox.tls_port is not None:
            url = self._sandbox.base_url(contract.provider)
            await exchange.send(json_reply(404, {"error": f"ES2+ is at {url}"}))
        else:
            await self._sandbox.serve(contract, request, exchange)

    async def guarded(self, request: Request, exchange: Exchange) -> None:
        """Answer ES2+ alone."""
        contract = self._sandbox.contract_at(request.path)
        if isinstance(contract, Es2Plus):
            await self._sandbox.serve(contract, request, exchange)
        else:
            await exchange.send(json_reply(404, {"error": "Only ES2+ is here."}))


async def _listen(server: HttpServer, port: int, tls: SSLContext | None = None) -> int:
    try:
        return await server.start(port, tls)
    except OSError as error:
        raise SandboxFault(
            f"Port {port} cannot be used ({error.strerror}). Choose another."
        ) from None
