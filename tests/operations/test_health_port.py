"""What a worker answers to probes."""

import asyncio
import json

import pytest

from domain.errors import EngineUnavailable, Misconfigured
from local.ports import free_port
from operations.health_port import health_port
from operations.readiness import Readiness


async def _said(port: int, request: bytes) -> tuple[str, dict[str, object]]:
    """The status line and the body; nothing if it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    writer.write_eof()
    answer = (await reader.read()).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return head.partition("\r\n")[0], json.loads(body or "{}")


async def _away() -> None:
    raise EngineUnavailable("Temporal is away.")


async def test_a_worker_answers_probes() -> None:
    """Alive whatever it depends on, ready or not with the reason; nonsense gets no answer."""
    port = free_port()
    async with health_port(Readiness({"temporal": _away}), "127.0.0.1", port):
        assert await _said(port, b"GET /healthz HTTP/1.1\r\n\r\n") == (
            "HTTP/1.1 200 OK",
            {"status": "ok"},
        )
        assert await _said(port, b"GET /readyz HTTP/1.0\r\nHost: x\r\n\r\n") == (
            "HTTP/1.1 503 Service Unavailable",
            {"status": "not ready", "checks": {"temporal": "Temporal is away."}},
        )
        line, _ = await _said(port, b"GET /admin HTTP/1.1\r\n\r\n")
        assert line == "HTTP/1.1 404 Not Found"
        for nonsense in (b"", b"hello", b"x" * 100_000, b"\r\n\r\n"):
            line, _ = await _said(port, nonsense)
            assert line in {"", "HTTP/1.1 404 Not Found"}
        with pytest.raises(Misconfigured, match="WORKER_HEALTH_PORT"):
            async with health_port(Readiness({}), "127.0.0.1", port):
                pass


async def test_without_a_port_nobody_is_listened_to() -> None:
    """As on a machine with several workers."""
    async with health_port(Readiness({}), "127.0.0.1", None):
        pass
