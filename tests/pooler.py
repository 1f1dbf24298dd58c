"""A connection pooler over TCP: real clients on one side, a real Postgres on the other."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

from sqlalchemy import make_url

Server: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_ENCRYPTION_REQUESTS = {80877103, 80877104}  # TLS and GSSAPI: neither is spoken here


class Pooler:
    """Lends sessions of Postgres to its clients: for a transaction, or for as long as they stay.

    Every client logs in at Postgres by itself; its session then joins the pool.
    """

    def __init__(self, host: str, port: int, *, by_transaction: bool, newest_first: bool) -> None:
        self._address = host, port
        self._by_transaction = by_transaction
        self._newest_first = newest_first
        self._idle: list[Server] = []
        self._returned = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it leaves."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            server = await self._log_in(reader, writer)
            if not self._by_transaction:
                await self._relay_for_ever(server, reader, writer)
            await self._give_back(server)
            while (message := await _message(reader)) and message[:1] != b"X":
                server = await self._take()
                await self._transact(message, server, reader, writer)
                await self._give_back(server)
        writer.close()

    async def _log_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Server:
        while True:
            start = await _body(reader)
            if struct.unpack("!i", start[4:8])[0] not in _ENCRYPTION_REQUESTS:
                break
            writer.write(b"N")
        server = await asyncio.open_connection(*self._address)
        server[1].write(start)
        while (answer := await _message(server[0]))[:1] != b"Z":
            writer.write(answer)
            if answer[:1] == b"R" and answer[5:9] not in {bytes(4), b"\0\0\0\x0c"}:
                server[1].write(await _message(reader))  # it asks for a proof
        writer.write(answer)
        return server

    async def _transact(
        self,
        message: bytes,
        server: Server,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Pass on what client and server say until the transaction is over."""
        while True:
            server[1].write(message)
            if message[:1] in b"QS":  # it waits for an answer now
                while (answer := await _message(server[0]))[:1] != b"Z":
                    writer.write(answer)
                writer.write(answer)
                if answer[5:6] == b"I":
                    return
            message = await _message(reader)

    async def _relay_for_ever(
        self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(reader, server[1]))
            both.create_task(_copy(server[0], writer))

    async def _take(self) -> Server:
        async with self._returned:
            await self._returned.wait_for(lambda: self._idle)
            return self._idle.pop(-1 if self._newest_first else 0)

    async def _give_back(self, server: Server) -> None:
        async with self._returned:
            self._idle.append(server)
            self._returned.notify()

    def close(self) -> None:
        """End the sessions that nobody uses."""
        for _, writer in self._idle:
            writer.close()


@asynccontextmanager
async def running_pooler(
    url: str, *, by_transaction: bool, newest_first: bool = True
) -> AsyncIterator[str]:
    """A pooler in front of this database until the block ends; gives the URL that leads to it."""
    target = make_url(url)
    pooler = Pooler(
        target.host or "",
        target.port or 5432,
        by_transaction=by_transaction,
        newest_first=newest_first,
    )
    listener = await asyncio.start_server(pooler.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield target.set(port=port).render_as_string(hide_password=False)
    finally:
        listener.close()
        pooler.close()


async def _body(reader: asyncio.StreamReader) -> bytes:
    length = await reader.readexactly(4)
    return length + await reader.readexactly(struct.unpack("!i", length)[0] - 4)


async def _message(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(1) + await _body(reader)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(65536):
        writer.write(some)
    writer.close()
