"""HTTP/1.1 over asyncio streams: a server that can also cut off, hang and reset.

h11 parses; the socket stays ours, because a polite server cannot misbehave.
"""

import asyncio
import json
import logging
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import h11

HOST: Final = "127.0.0.1"
MAX_BODY_BYTES: Final = 1024 * 1024
_CHUNK_BYTES = 64 * 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> Reply:
    """Make a reply with a JSON body."""
    kept = {"content-type": "application/json", **(headers or {})}
    return Reply(status, json.dumps(body).encode(), kept)


def json_object(body: bytes) -> dict[str, Any] | None:
    """Read the object in a JSON body; None if there is none."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


class Exchange:
    """One request's way back to its client."""

    def __init__(
        self,
        connection: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        method: str,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._writer = writer
        self._method = method

    async def send(self, reply: Reply) -> None:
        """Send the whole reply.

        Raises:
            ConnectionError: the client left.
        """
        body = b"" if self._method == "HEAD" else reply.body
        self._write(_head(reply))
        self._write(h11.Data(data=body))
        self._write(h11.EndOfMessage())
        await self._writer.drain()

    async def send_cut_off(self, reply: Reply) -> None:
        """Promise the whole reply, send half of it and close."""
        self._write(_head(reply))
        self._write(h11.Data(data=reply.body[: len(reply.body) // 2]))
        await self._writer.drain()
        self._writer.close()

    def reset(self) -> None:
        """End the connection with a TCP reset: zero linger turns the close into one."""
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def client_leaves(self) -> None:
        """Say nothing until the client has gone."""
        with suppress(ConnectionError):
            while await self._reader.read(_CHUNK_BYTES):
                pass

    def _write(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        self._writer.write(self._connection.send(event) or b"")


def _head(reply: Reply) -> h11.Response:
    headers = {"content-length": str(len(reply.body)), **reply.headers}
    reason = HTTPStatus(reply.status).phrase if reply.status in _KNOWN else "Status"
    return h11.Response(
        status_code=reply.status, headers=list(headers.items()), reason=reason.encode()
    )


_KNOWN = frozenset(HTTPStatus)

Handler = Callable[[Request, Exchange], Awaitable[None]]


class HttpServer:
    """Listens on the loopback address; each request goes to the handler."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[Any]] = set()

    async def start(self, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen, on any free port if it is 0; returns the port.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.start_server(self._connected, HOST, port, ssl=tls)
        taken: int = self._server.sockets[0].getsockname()[1]
        return taken

    async def stop(self) -> None:
        """Stop listening and end every conversation, hanging ones too."""
        if self._server is None:
            return
        self._server.close()
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has a task
        self._conversations.add(task)
        try:
            with suppress(ConnectionError):
                await self._converse(reader, writer)
            writer.close()
        except asyncio.CancelledError:  # the server stops; a logged traceback would help nobody
            writer.transport.abort()
        finally:
            self._conversations.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other, as long as both sides keep the connection."""
        connection = h11.Connection(h11.SERVER)
        while (request := await _next_request(connection, reader, writer)) is not None:
            await self._answer(request, Exchange(connection, reader, writer, request.method))
            if connection.our_state is not h11.DONE or writer.is_closing():
                return
            connection.start_next_cycle()

    async def _answer(self, request: Request, exchange: Exchange) -> None:
        try:
            await self._handler(request, exchange)
        except ConnectionError:
            raise
        except Exception as defect:
            # An answer, so that nobody takes it for a misbehaviour that was asked for.
            log.exception("A defect of the sandbox")
            name = type(defect).__name__
            await exchange.send(json_reply(500, {"error": f"A defect of the sandbox: {name}"}))


async def _next_request(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    """Read the next request; None when the client leaves or does not speak HTTP."""
    head: h11.Request | None = None
    body = bytearray()
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if connection.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    writer.write(connection.send(go_on) or b"")
                connection.receive_data(await reader.read(_CHUNK_BYTES))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_BODY_BYTES:
                    return None
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _request(head, bytes(body))
            else:  # ConnectionClosed, or PAUSED
                return None
    except h11.RemoteProtocolError:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        return None


def _request(head: h11.Request, body: bytes) -> Request:
    target = urlsplit(head.target.decode("latin-1"))
    return Request(
        method=head.method.decode("latin-1"),
        path=target.path,
        query=dict(parse_qsl(target.query, keep_blank_values=True)),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers},
        body=body,
    )
