"""Request bodies are read whole, up to a limit and in time, and only if they are JSON.

Notifications may call themselves anything: what counts is whether their provider signed the bytes,
and the provider's own reader refuses what is not JSON.
"""

import asyncio
import re
from collections.abc import Awaitable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import Problem, render
from domain import foreign_json
from domain.errors import InvalidInput

# What curl says by default; people send JSON under it.
_CURL_DEFAULT = "application/x-www-form-urlencoded"
# What is too long is still read and thrown away up to here: a connection that is closed over
# unread bytes is reset, and the client may never see why.
_DRAINED_BYTES = 8 * 1024 * 1024
# Spares both sides the rest of the body.
_CLOSING = {"Connection": "close"}
_JSON = re.compile(r"application/([^/]+\+)?json")


class JsonBodyMiddleware:
    """Refuses bodies that are too long (413), too slow (408), not JSON (415) or too deep (422).

    Before anything else parses them: what recurses would fail half-way.

    Below `any_type_under` the media type is not looked at.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, patience_seconds: float, any_type_under: str
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._patience_seconds = patience_seconds
        self._any_type_under = any_type_under

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._in_time(self._read(scope, receive))
            if body and not scope["path"].startswith(self._any_type_under):
                _require_json(scope)
                _require_shallow(body)
        except Problem as problem:
            await render(problem, Request(scope))(scope, receive, send)
            return
        await self._app(scope, _Replay(body, receive), send)

    async def _in_time(self, reading: Awaitable[bytes]) -> bytes:
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await reading
        except TimeoutError:
            detail = f"The body was not there within {self._patience_seconds:g} s."
            raise Problem(408, "body-too-slow", detail, headers=_CLOSING) from None

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > _DRAINED_BYTES:
            raise self._too_large()
        body = bytearray()
        length, more = 0, True
        while more and length <= _DRAINED_BYTES:
            message = await receive()
            chunk = message.get("body", b"")
            length += len(chunk)
            more = message.get("more_body", False)
            if length <= self._max_bytes:
                body += chunk
        if length > self._max_bytes:
            raise self._too_large()
        return bytes(body)

    def _too_large(self) -> Problem:
        detail = f"The body is longer than {self._max_bytes} bytes."
        return Problem(413, "body-too-large", detail, headers=_CLOSING)


class _Replay:
    """Hands the body that was read to the app, then waits for what the client does next."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _require_json(scope: Scope) -> None:
    headers = MutableHeaders(scope=scope)
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == _CURL_DEFAULT:
        headers["content-type"] = "application/json"
    elif not _JSON.fullmatch(media_type):
        raise Problem(415, "unsupported-media-type", "Send JSON, as application/json.")


def _require_shallow(body: bytes) -> None:
    if not foreign_json.may_be_deep(body):
        return
    try:
        foreign_json.parse(body)
    except InvalidInput:
        raise Problem(422, "invalid-request", "The body is not readable JSON.") from None
