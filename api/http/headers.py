"""The headers of our answers, as the OpenAPI document declares them."""

from http import HTTPStatus
from typing import Any

HEADERS = {
    "Idempotent-Replayed": "`true`: this is what an earlier request has led to.",
    "Link": 'The next page, as `rel="next"` (RFC 8288); absent on the last one.',
    "Location": "Where to read on.",
    "Preference-Applied": "What of `Prefer` was done (RFC 7240).",
    "Retry-After": "Seconds after which the same request can succeed.",
    "WWW-Authenticate": "What is wrong with the token (RFC 6750).",
    "X-Request-Id": "Quote it when you ask for support.",
}
_ALWAYS = frozenset({"X-Request-Id"})
_OF_STATUS = {
    HTTPStatus.UNAUTHORIZED: ("WWW-Authenticate",),
    HTTPStatus.CONFLICT: ("Retry-After",),
    HTTPStatus.TOO_MANY_REQUESTS: ("Retry-After",),
    HTTPStatus.BAD_GATEWAY: ("Retry-After",),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After",),
}


def headers(*names: str) -> dict[str, Any]:
    """Declare headers of an answer, beside the one that every answer has."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, *_ALWAYS)}


def headers_of(status: int) -> dict[str, Any]:
    """Declare the headers that every problem of a status can have."""
    return headers(*_OF_STATUS.get(HTTPStatus(status), ()))


def components() -> dict[str, Any]:
    """Describe every header once, for references to point to."""
    return {
        name: {
            "description": description,
            "required": name in _ALWAYS,
            "schema": {"type": "integer" if name == "Retry-After" else "string"},
        }
        for name, description in HEADERS.items()
    }
