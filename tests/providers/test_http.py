"""The table of network failures is complete."""

import httpx

from providers.kit.http import MAYBE_SENT, NOTHING_SENT

# Raised by nobody as such, or only by calls that providers/kit/http.py does not make.
NOT_ON_THE_WIRE = {
    httpx.HTTPError,
    httpx.RequestError,
    httpx.TransportError,
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.ProtocolError,
    httpx.HTTPStatusError,  # raise_for_status
    httpx.InvalidURL,  # the URL is checked at the start
    httpx.CookieConflict,
    httpx.StreamError,
    httpx.StreamConsumed,
    httpx.StreamClosed,
    httpx.ResponseNotRead,
    httpx.RequestNotRead,
}


def test_every_httpx_exception_has_a_meaning() -> None:
    """A class that a new httpx brings must be sorted by hand: was something sent, or not?"""
    exported = (getattr(httpx, name) for name in httpx.__all__)
    exceptions = {
        each for each in exported if isinstance(each, type) and issubclass(each, Exception)
    }
    assert exceptions == (NOTHING_SENT | MAYBE_SENT | NOT_ON_THE_WIRE) - {TimeoutError}


def test_no_failure_has_two_meanings() -> None:
    """Sent and not sent exclude each other."""
    assert not NOTHING_SENT & MAYBE_SENT
