"""The worker's own health over HTTP: `/healthz` and `/readyz`, and nothing else.

A worker serves nobody, so a server for two fixed answers does; it reads one request a connection.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

from domain.errors import Misconfigured
from operations.readiness import OK, Readiness

_LONGEST_HEAD_BYTES = 8 * 1024
_PATIENCE_SECONDS = 5.0
_HANG_UP = (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError)


class HealthPort:
    """Answers probes."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; who dawdles or talks nonsense is hung up on."""
        with suppress(*_HANG_UP):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(*await self._answer(head.split(b" ", 2)[1:2])))
                await writer.drain()
        writer.close()

    async def _answer(self, path: list[bytes]) -> tuple[HTTPStatus, dict[str, object]]:
        if path == [b"/healthz"]:
            return HTTPStatus.OK, {"status": "ok"}
        if path != [b"/readyz"]:
            return HTTPStatus.NOT_FOUND, {"status": "not found"}
        checks = await self._readiness.look()
        if set(checks.values()) <= {OK}:
            return HTTPStatus.OK, {"status": "ok", "checks": checks}
        return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready", "checks": checks}


def _response(status: HTTPStatus, body: dict[str, object]) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + content


@asynccontextmanager
async def health_port(readiness: Readiness, host: str, port: int | None) -> AsyncIterator[None]:
    """Answer probes until the block ends; without a port nobody is listened to.

    Raises:
        Misconfigured: something else has the port.
    """
    if port is None:
        yield
        return
    try:
        server = await asyncio.start_server(
            HealthPort(readiness).serve, host, port, limit=_LONGEST_HEAD_BYTES
        )
    except OSError as error:
        raise Misconfigured(f"WORKER_HEALTH_PORT {port}: {error.strerror}.") from None
    async with server:
        yield
