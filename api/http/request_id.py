"""The outermost layer: an id for every request, one log line for it, and no bare crash.

The id is on the answer, in problems and on every log line that the request causes. A client's
own `X-Request-Id` is kept if it is short and plain.
"""

import re
import time
import uuid
from collections.abc import MutableMapping
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import render, to_problem

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}")

log = structlog.get_logger(__name__)


class RequestIdMiddleware:
    """Names a request, and answers for handlers that crash."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = _request_id(Headers(scope=scope))
        with structlog.contextvars.bound_contextvars(request_id=scope["request_id"]):
            await self._answer(scope, receive, _Sender(send, scope["request_id"]))

    async def _answer(self, scope: Scope, receive: Receive, send: "_Sender") -> None:
        began = time.perf_counter()
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            log.exception("request_crashed")
            if send.status is not None:  # too late for a problem: cut the answer off
                raise
            await render(to_problem(error), Request(scope))(scope, receive, send)
        finally:
            log.info("request", status=send.status, seconds=_since(began), **_facts(scope))


class _Sender:
    """Passes messages on, puts the headers on that every answer carries, notes the status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=message["headers"])
            headers[HEADER] = self._request_id
            # Answers are personal, and many hold a code: nothing on the way may keep one.
            headers.setdefault("Cache-Control", "no-store")
            headers.setdefault("X-Content-Type-Options", "nosniff")
        await self._send(message)


def _request_id(headers: Headers) -> str:
    given = headers.get(HEADER, "")
    return given if _SANE.fullmatch(given) else uuid.uuid4().hex


def _facts(scope: MutableMapping[str, Any]) -> dict[str, object]:
    facts = {"method": scope["method"], "path": scope["path"], "peer": _peer(scope)}
    noted = {"problem": "problem_code", "user": "user_id"}
    return facts | {name: scope[key] for name, key in noted.items() if key in scope}


def _peer(scope: MutableMapping[str, Any]) -> str | None:
    """Whoever is at the other end: the client, or the proxy before us."""
    return scope["client"][0] if scope.get("client") else None


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 4)
