"""Airalo's access token: one for all calls of the process, fetched as rarely as possible.

It lives 24 hours, and Airalo gives out three a minute. Whatever fails here, nothing was booked.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from domain.errors import CredentialsRefused, ProviderHeld, ProviderRefused, ProviderUnavailable
from providers.airalo.signature import HEADER, signature
from providers.kit.http import ProviderHttp
from providers.kit.reply import HttpReply

_TOKENS = 3
_WINDOW_SECONDS = 60.0
_LIFETIME_SECONDS = 24 * 3600.0
# Longer than any exchange: a token that is handed out outlives the call that it is for.
_MARGIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    refresh_at: float
    expires_at: float


class Tokens:
    """Keeps the token of one client id.

    Args:
        clock: seconds that never run backwards.
    """

    def __init__(
        self,
        provider: str,
        http: ProviderHttp,
        client_id: str,
        client_secret: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider = provider
        self._http = http
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: _Token | None = None
        self._asked: deque[float] = deque(maxlen=_TOKENS)
        self._not_before = 0.0

    @property
    def held(self) -> str:
        """The token to be masked in what is kept; empty if there is none."""
        return self._token.text if self._token else ""

    async def current(self) -> str:
        """Return a token that is good for the next call, and fetch one if need be.

        Raises:
            ProviderHeld: Airalo must not be asked for one yet.
            ProviderUnavailable: it gave none.
            CredentialsRefused: it does not accept our credentials.
        """
        async with self._lock:
            token, now = self._token, self._clock()
            if token is not None and now < token.refresh_at:
                return token.text
            try:
                self._token = await self._fetched()
            except ProviderUnavailable:
                if token is None or now >= token.expires_at:
                    raise
                return token.text
            return self._token.text

    def forget(self, text: str) -> None:
        """Drop a token that Airalo did not accept."""
        if self._token is not None and self._token.text == text:
            self._token = None

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        await self._http.aclose()

    async def _fetched(self) -> _Token:
        self._hold_back()
        asked = self._clock()
        self._asked.append(asked)
        form = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "grant_type": "client_credentials",
        }
        try:
            signed = {HEADER: signature(form, self._client_secret)}
            reply = await self._http.ask_form("/token", form, [self._client_secret], signed)
        except ProviderUnavailable as error:
            self._not_before = asked + (error.retry_after_seconds or 0)
            raise
        except ProviderRefused as error:  # there is nothing else in the request to refuse
            raise CredentialsRefused(error.message, reply=error.reply) from None
        return self._read(reply, asked)

    def _hold_back(self) -> None:
        now = self._clock()
        full = len(self._asked) == _TOKENS
        free_at = max(self._not_before, self._asked[0] + _WINDOW_SECONDS if full else 0)
        if now < free_at:
            raise ProviderHeld(
                f"{self._provider} gives out {_TOKENS} tokens a minute: none is asked for now.",
                retry_after_seconds=free_at - now,
            )

    def _read(self, reply: HttpReply, asked: float) -> _Token:
        data = reply.body.get("data") if isinstance(reply.body, dict) else None
        fields = data if isinstance(data, dict) else {}
        text, lifetime = fields.get("access_token"), fields.get("expires_in")
        if not isinstance(text, str) or not text.isascii() or not text.isprintable() or not text:
            raise ProviderUnavailable(f"{self._provider} answered without a token.")
        if not isinstance(lifetime, int) or not 0 < lifetime < _LIFETIME_SECONDS:
            lifetime = _LIFETIME_SECONDS  # the reference says 24 hours, its example a year
        margin = min(_MARGIN_SECONDS, lifetime / 10)
        return _Token(text, asked + lifetime - margin, asked + lifetime)
