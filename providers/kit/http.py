"""The one place where HTTP failures become domain errors.

The question behind every line is whether a purchase may have been booked:

| what happened                                             | becomes                  |
|-----------------------------------------------------------|--------------------------|
| no connection was made                                    | `ProviderUnavailable`    |
| 429, 503: the server says that it did not take it on      | `ProviderUnavailable`    |
| 401, 403: nobody gets past the door                       | `CredentialsRefused`     |
| any other 4xx but 408 and 409                             | `ProviderRefused`        |
| 408, 409, 3xx, any other 5xx                              | `ProviderOutcomeUnknown` |
| the connection or the time ended after it was made        | `ProviderOutcomeUnknown` |
| 2xx with a body that is cut off, too long, encoded (gzip), | `ProviderReplyUnusable`  |
| nested too deep, or not JSON                              |                          |

An adapter may know better what a refusal's body means (`judge`). Where nothing can be booked
(`get`, `ask`), "unknown" is "unavailable". Reasons: docs/providers/README.md.
"""

import asyncio
import ipaddress
import json
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import CookieJar
from typing import Any, TypeAlias

import httpx

from domain import foreign_json
from domain.errors import (
    CredentialsRefused,
    InvalidInput,
    Misconfigured,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderReplyUnusable,
    ProviderUnavailable,
)
from providers.kit.charset import decoded_by_charset
from providers.kit.redaction import identifiers, redacted
from providers.kit.reply import HttpReply

MAX_REPLY_BYTES = 1024 * 1024
MAX_RETRY_AFTER_SECONDS = 24 * 3600.0

NOTHING_SENT: frozenset[type[Exception]] = frozenset(
    {
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ProxyError,
        httpx.UnsupportedProtocol,
    }
)
MAYBE_SENT: frozenset[type[Exception]] = frozenset(
    {
        httpx.CloseError,
        httpx.DecodingError,
        httpx.LocalProtocolError,
        httpx.ReadError,
        httpx.ReadTimeout,
        httpx.RemoteProtocolError,
        httpx.TooManyRedirects,
        httpx.WriteError,
        httpx.WriteTimeout,
        TimeoutError,  # the budget of the whole exchange
    }
)

_MAX_PORT = 65535
_NOT_TAKEN_ON = frozenset({429, 503})
_NOT_ADMITTED = frozenset({401, 403})
# 408: parts may have arrived. 409: our reference may exist already, bought by an earlier attempt.
UNSURE_4XX = frozenset({408, 409})

_Body: TypeAlias = Mapping[str, object]
_Fields: TypeAlias = Mapping[str, str]
_Headers: TypeAlias = Mapping[str, str] | None
_Secrets: TypeAlias = Collection[str]
_Unsure: TypeAlias = type[ProviderOutcomeUnknown] | type[ProviderUnavailable]
_MEANINGS: Mapping[type[ProviderError], str] = {
    CredentialsRefused: "does not admit us: it refuses our credentials or our address.",
    ProviderOutOfStock: "has sold out this plan.",
    ProviderUnavailable: "cannot take this on now: try again later.",
    ProviderOutcomeUnknown: "does not say what became of it: the outcome is not known.",
}

Judge: TypeAlias = Callable[[int, object], type[ProviderError] | None]
"""Says what a failed reply's status and parsed body mean here; None means "as the table says"."""


@dataclass(frozen=True, slots=True)
class _RawReply:
    status: int
    headers: httpx.Headers = field(repr=False)
    content: bytes = field(repr=False)
    whole: bool

    def decoded(self) -> bytes | str:
        """Decode the body as its sender declares. Raises as `decoded_by_charset`."""
        return decoded_by_charset(self.content, self.headers.get("content-type", ""))

    @property
    def text(self) -> str:
        """The body, as far as it came."""
        try:
            decoded = self.decoded()
        except ValueError:
            decoded = self.content
        return decoded if isinstance(decoded, str) else decoded.decode(errors="replace")


class _NoCookies(CookieJar):
    """Reads and keeps no cookie: one order's session must never become another's."""

    def extract_cookies(self, response: object, request: object) -> None:
        """Look at nothing."""


class ProviderHttp:
    """Calls one provider: one host, no redirects, no cookies, bounded time and reply size.

    Proxies and netrc of the environment are ignored. Connecting has its own, shorter limits, so
    that the end of the whole budget always means "sent".

    Args:
        auth_headers: go with every request; their values are masked in whatever is kept.
        judge: what the provider's own error codes mean.
        tls: for mutual TLS, a context with our certificate; None for the public authorities.
    """

    def __init__(
        self,
        provider: str,
        base_url: httpx.URL,
        *,
        auth_headers: Mapping[str, str],
        timeout_seconds: float,
        judge: Judge | None = None,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._provider = provider
        self._base_url = base_url
        self._credentials = tuple(auth_headers.values())
        self._timeout_seconds = timeout_seconds
        self._judge: Judge = judge or (lambda _status, _body: None)
        # Pool, TCP and TLS each have a turn: together at most three quarters of the budget.
        turn = timeout_seconds / 4
        self._client = httpx.AsyncClient(
            headers={**_PLAIN_HEADERS, **auth_headers},
            timeout=httpx.Timeout(timeout_seconds, connect=turn, pool=turn),
            follow_redirects=False,
            trust_env=False,
            cookies=_NoCookies(),
            verify=tls or _public_authorities(),
            transport=transport,
        )

    async def post(
        self, path: str, body: _Body, secrets: _Secrets = (), headers: _Headers = None
    ) -> HttpReply:
        """Send what may cost money, once.

        Args:
            path: below the base URL, with a leading slash.
            body: sent as JSON.
            secrets: what of the body must not come back in a kept reply.
            headers: for this request alone (a token).

        Raises:
            ProviderUnavailable, ProviderRefused, ProviderOutcomeUnknown, ProviderReplyUnusable.
        """
        request = self._json_post(path, body, headers)
        return await self._exchange(request, ProviderOutcomeUnknown, secrets, identifiers(body))

    async def ask(
        self, path: str, body: _Body, secrets: _Secrets = (), headers: _Headers = None
    ) -> HttpReply:
        """Send what books nothing and is safe to repeat. Arguments as `post`.

        Raises:
            ProviderUnavailable, ProviderRefused.
        """
        request = self._json_post(path, body, headers)
        return await self._exchange(request, ProviderUnavailable, secrets, identifiers(body))

    async def ask_form(
        self, path: str, form: _Fields, secrets: _Secrets = (), headers: _Headers = None
    ) -> HttpReply:
        """Send a form in place of JSON. It books nothing and is safe to repeat.

        Raises:
            ProviderUnavailable, ProviderRefused.
        """
        request = self._request("POST", path, data=dict(form), headers=headers)
        return await self._exchange(request, ProviderUnavailable, secrets, frozenset())

    async def get(
        self, path: str, params: _Fields, secrets: _Secrets = (), headers: _Headers = None
    ) -> HttpReply:
        """Ask for something; safe to repeat. Arguments as `post`.

        Raises:
            ProviderUnavailable, ProviderRefused.
        """
        request = self._request("GET", path, params=params, headers=headers)
        sent = frozenset((*path.split("/"), *params.values()))
        return await self._exchange(request, ProviderUnavailable, secrets, sent)

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        await self._client.aclose()

    def _json_post(self, path: str, body: _Body, headers: _Headers) -> httpx.Request:
        headers = {**_JSON_HEADERS, **(headers or {})}
        return self._request("POST", path, content=json.dumps(body), headers=headers)

    def _request(self, method: str, path: str, **parts: Any) -> httpx.Request:
        # copy_with keeps scheme, host and port: the configured host is the whole allow-list.
        url = self._base_url.copy_with(path=self._base_url.path.rstrip("/") + path)
        return self._client.build_request(method, url, **parts)

    async def _exchange(
        self,
        request: httpx.Request,
        unsure: _Unsure,
        secrets: _Secrets,
        sent: frozenset[str],
    ) -> HttpReply:
        if self._client.is_closed:
            raise ProviderUnavailable(f"The connection to {self._provider} is closed.")
        try:
            async with asyncio.timeout(self._timeout_seconds):
                raw = await self._receive(request)
        except Exception as error:  # noqa: BLE001 - whatever failed, money may have moved
            raise self._connection_failure(error, unsure) from None
        body, is_json = _parsed(raw)
        told = redacted(body, [*self._credentials, *secrets], sent)
        kept = {"status": raw.status, "body": told}
        if not httpx.codes.is_success(raw.status):
            raise self._status_failure(raw, body, kept, unsure)
        if not is_json:
            fault = (
                f"{self._provider} answered HTTP {raw.status}, but not with plain JSON of at most"
                f" {MAX_REPLY_BYTES} bytes and {foreign_json.MAX_DEPTH} levels."
            )
            if unsure is ProviderUnavailable:
                raise ProviderUnavailable(fault, reply=kept)
            raise ProviderReplyUnusable(fault, raw=raw.text, reply=kept)
        return HttpReply(self._provider, body, kept, raw.text, sent)

    async def _receive(self, request: httpx.Request) -> _RawReply:
        response = await self._client.send(request, stream=True)
        content = bytearray()
        whole = _is_plain(response.headers)
        try:
            if not whole:  # a reply of some bytes can unpack to gigabytes: it stays unread
                return _RawReply(response.status_code, response.headers, b"", whole)
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > MAX_REPLY_BYTES:
                    del content[MAX_REPLY_BYTES:]
                    whole = False
                    break
        except (httpx.ReadError, httpx.RemoteProtocolError):
            if not content:
                raise
            whole = False  # what came may name what was bought: it is kept
        finally:
            await response.aclose()
        return _RawReply(response.status_code, response.headers, bytes(content), whole)

    def _connection_failure(self, error: Exception, unsure: _Unsure) -> ProviderError:
        if type(error) in NOTHING_SENT:
            return ProviderUnavailable(f"{self._provider} cannot be reached.", in_doubt=False)
        if unsure is ProviderUnavailable:
            return unsure(f"{self._provider} did not answer.")
        return unsure(f"{self._provider} did not answer; the purchase may have been booked.")

    def _status_failure(
        self, raw: _RawReply, body: object, kept: Mapping[str, object], unsure: _Unsure
    ) -> ProviderError:
        answered = f"{self._provider} answered HTTP {raw.status}"
        if raw.status in _NOT_TAKEN_ON:
            wait = _retry_after_seconds(raw.headers)
            return ProviderUnavailable(
                f"{answered}: try again later.",
                retry_after_seconds=wait,
                reply=kept,
                in_doubt=False,
            )
        judged = self._judge(raw.status, body)  # before redaction, which may cut words
        if judged is None and raw.status in _NOT_ADMITTED:
            judged = CredentialsRefused
        if judged is not None:
            kind = unsure if judged is ProviderOutcomeUnknown else judged
            meaning = _MEANINGS.get(judged, "refuses this request.")
            return kind(f"{self._provider} answered HTTP {raw.status}: it {meaning}", reply=kept)
        if not httpx.codes.is_client_error(raw.status) or raw.status in UNSURE_4XX:
            return unsure(f"{answered}: the outcome is not known.", reply=kept)
        return ProviderRefused(f"{answered}: it refuses this request.", reply=kept)


_JSON_HEADERS = {"content-type": "application/json"}
_PLAIN_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "identity",  # a small compressed reply could unpack to a huge one
    "connection": "close",  # a kept one that the server drops looks like a lost purchase
    "user-agent": "esim-activation",
}


@cache
def _public_authorities() -> ssl.SSLContext:
    """Trust the public authorities. Reading them takes longer than a call, so it is done once."""
    return httpx.create_ssl_context(trust_env=False)


def checked_base_url(variable: str, text: str) -> httpx.URL:
    """Read a provider's base URL: https, or http to this machine.

    Args:
        variable: the environment variable that holds it, for the error.
        text: its value; never quoted, since a URL can hold a password.

    Raises:
        Misconfigured: names the variable.
    """
    try:
        url = httpx.URL(text.strip())
        url.host.encode("idna")  # what the resolver will do, where a failure looks like a loss
    except (httpx.InvalidURL, UnicodeError):
        raise Misconfigured(f"{variable} is not a URL.") from None
    port_exists = url.port is None or 0 < url.port <= _MAX_PORT
    if not url.host or not port_exists or url.userinfo or url.query or url.fragment:
        raise Misconfigured(
            f"{variable} must be a host with an optional port and path: no user, query or fragment."
        )
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.host)):
        raise Misconfigured(f"{variable} must be https (http only to this machine).")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_plain(headers: httpx.Headers) -> bool:
    """Tell whether a body comes as it is (RFC 9110 section 8.4), as every request asks for."""
    codings = headers.get("content-encoding", "").lower().split(",")
    return all(coding.strip() in {"", "identity"} for coding in codings)


def _parsed(raw: _RawReply) -> tuple[object, bool]:
    """Parse a whole body: its JSON and True, or None and False."""
    if not raw.whole:
        return None, False
    try:
        return foreign_json.parse(raw.decoded()), True
    except (InvalidInput, ValueError):
        return None, False


def _retry_after_seconds(headers: httpx.Headers) -> float | None:
    """Read `Retry-After` as seconds (RFC 9110 section 10.2.3), bounded; None if it says nothing.

    A date counts from the reply's own `Date`, so a skewed clock does no harm.
    """
    text = headers.get("retry-after", "").strip()
    try:
        wait = float(text) if text.isdecimal() else _seconds_until(text, headers.get("date"))
    except (ValueError, OverflowError):
        return None
    return min(max(wait, 0.0), MAX_RETRY_AFTER_SECONDS)


def _seconds_until(date: str, sent: str | None) -> float:
    now = _utc(parsedate_to_datetime(sent)) if sent else datetime.now(UTC)
    return (_utc(parsedate_to_datetime(date)) - now).total_seconds()


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
