"""Which web pages may call the API from a browser, and what of an answer they may see."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api.http.headers import HEADERS

_SENT = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Last-Event-ID",
    "Prefer",
    "X-Request-Id",
)


def install(app: FastAPI, origins: list[str]) -> None:
    """Allow pages of these origins every operation, streams and problems included.

    Tokens travel in a header and never in a cookie, so no credentials are allowed: a page gets
    no further than the token that it was given.
    """
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=_SENT,
            expose_headers=list(HEADERS),
            max_age=3600,
        )
