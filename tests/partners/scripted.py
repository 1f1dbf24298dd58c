"""A server that answers exactly what a test tells it, over real sockets.

The sandbox sells as the providers do. This one is for what no provider may ever say: a test of an
adapter writes the reply itself, down to the byte, so that neither the adapter's reading nor the
sandbox's writing of a contract can be the measure of the other.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        """The body, parsed."""
        parsed = json.loads(self.body)
        assert isinstance(parsed, dict)
        return parsed


Answer = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ScriptedServer:
    """Listens on loopback; `answer` is whatever the test wants, by default nothing at all."""

    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    read_requests: bool = True
    dripped_to_the_end: bool = False
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    answer: Answer = field(init=False)
    base_url: str = field(init=False)
    _server: asyncio.Server = field(init=False)

    def __post_init__(self) -> None:
        self.answer = self.hang

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        """Let hanging answers go and stop listening."""
        self.stopping.set()
        self._server.close()
        await self._server.wait_closed()

    async def hang(self, received: Received, writer: asyncio.StreamWriter) -> None:  # noqa: ARG002
        """Never answer."""
        await self.stopping.wait()

    async def drip(self, received: Received, writer: asyncio.StreamWriter) -> None:  # noqa: ARG002
        """Send a byte now and then, so that no single read ever times out."""
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        for _ in range(1000):
            writer.write(b" ")
            try:
                await asyncio.wait_for(self.stopping.wait(), 0.02)
            except TimeoutError:
                continue
            return
        self.dripped_to_the_end = True

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if not self.read_requests:
                _reset(writer)
                return
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client gave up, as many of these tests want it to
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other, as long as the client keeps the connection."""
        keep = True
        while keep and not writer.is_closing():
            received = await _read_request(reader)
            self.requests.append(received)
            await self.answer(received, writer)
            await writer.drain()
            keep = received.headers["connection"] != "close"


async def reset_after_reading(received: Received, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
    """End the connection with a TCP reset."""
    _reset(writer)


async def close_without_a_word(received: Received, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
    """End the connection politely, without a reply."""
    writer.close()


def answering(
    status: int, body: object | bytes, headers: Mapping[str, str] | None = None
) -> Answer:
    """Answer always this; bytes go out as they are."""

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        await send_json(writer, status, body, headers)

    return answer


def cut_off(body: bytes) -> Answer:
    """Promise twice the bytes that are sent."""
    return answering(200, body, {"content-length": str(2 * len(body))})


async def send_json(
    writer: asyncio.StreamWriter,
    status: int,
    body: object,
    headers: Mapping[str, str] | None = None,
) -> None:
    """One whole HTTP reply."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"content-type": "application/json", "content-length": str(len(content))}
    lines |= headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + content)
    await writer.drain()


async def _read_request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *header_lines = head.strip().split("\r\n")
    method, target, _ = request_line.split(" ")
    pairs = (line.split(":", 1) for line in header_lines)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urlsplit(target)
    return Received(method, url.path, dict(parse_qsl(url.query)), headers, body)


def _reset(writer: asyncio.StreamWriter) -> None:
    # Zero linger turns the close into a reset.
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
