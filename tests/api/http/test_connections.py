"""Connections that dawdle, and how many there may be."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

from api.__main__ import configuration
from local.temporal import TemporalServer
from settings import ApiSettings
from tests.api.server import app_settings, serving

HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def address(database_url: str, temporal_server: TemporalServer) -> Iterator[tuple[str, int]]:
    """An app with little patience."""
    settings = app_settings(database_url, temporal_server.address, api_body_seconds=0.2)
    with serving(settings, head_seconds=0.2) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        yield host, int(port)


async def _said(address: tuple[str, int], *parts: bytes) -> bytes:
    """Send parts, the second once the first is answered; what comes until the server closes."""
    reader, writer = await asyncio.open_connection(*address)
    answer = b""
    async with asyncio.timeout(20):
        for part in parts:
            writer.write(part)
            answer += await reader.read(64 * 1024)
        answer += await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("part", [b"", b"GET /heal", HEAD])
async def test_a_head_that_does_not_come_ends_the_connection(
    address: tuple[str, int], part: bytes
) -> None:
    """Without an answer: nobody has asked anything yet."""
    assert await _said(address, part) == b""


async def test_a_further_head_has_its_time_too(address: tuple[str, int]) -> None:
    """A first request is answered whatever it took; a second one that stays half is not."""
    answer = await _said(address, HEAD + b"\r\n", HEAD)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1


async def test_a_body_that_does_not_come_is_408(address: tuple[str, int]) -> None:
    """With a problem, and the connection is over."""
    request = b"POST /api/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{"
    answer = await _said(address, request)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"body-too-slow"' in answer


@pytest.mark.parametrize(("soft", "becomes"), [(256, 300), (1000, 1000)])
def test_a_server_may_open_as_many_files_as_it_takes_connections(soft: int, becomes: int) -> None:
    """A shell's customary 1024 would end the connections before our limit does."""
    program = (
        f"import resource as r; from api.__main__ import allow_open_files;"
        f" r.setrlimit(r.RLIMIT_NOFILE, ({soft}, 5000)); allow_open_files(100);"
        f" print(r.getrlimit(r.RLIMIT_NOFILE))"
    )
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert said == f"({becomes}, 5000)\n"


def test_a_server_has_limits() -> None:
    """`python -m api` gives uvicorn those of the settings."""
    settings = ApiSettings(api_max_connections=7, api_head_seconds=3)
    config = configuration(settings, "api.app:create_app")
    assert config.limit_concurrency == 7
    assert getattr(config.http, "head_seconds", None) == 3
