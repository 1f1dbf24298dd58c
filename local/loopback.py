"""Small HTTP questions to our own servers, with the standard library only."""

import json
import urllib.request
from http import HTTPStatus

# Without the caller's proxy settings: these servers are on this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url: str, body: object = None, timeout_seconds: float = 2) -> bytes | None:
    """Send a GET, or POST a body as JSON; return None unless the answer is a 200."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310 - our own URL
    try:
        with _DIRECT.open(request, timeout=timeout_seconds) as answer:
            content: bytes = answer.read()
            return content if answer.status == HTTPStatus.OK else None
    except OSError:  # refused, reset, timed out, or an HTTP error
        return None


def answers(url: str) -> bool:
    """Tell whether a GET there gives 200 now."""
    return ask(url) is not None
