"""Airalo's access tokens: client credentials in, a bearer token for a day out.

A token proves itself (an HMAC over its end), so that a sandbox that was killed accepts the tokens
it handed out.
"""

import hashlib
import hmac
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from sandbox.credentials import AIRALO_CLIENT_ID, AIRALO_CLIENT_SECRET
from sandbox.http import Reply, json_reply

_LIFETIME_SECONDS = 24 * 3600
_MINUTE_SECONDS = 60.0
_SCHEME = "bearer "


class Tokens:
    """Hands tokens out, a few a minute, and knows them again."""

    def __init__(self, per_minute: int | None) -> None:
        self._per_minute = per_minute
        self._handed_out: deque[float] = deque()

    def answer(self, fields: Mapping[str, Any]) -> Reply:
        """Answer with a token, 401 or 429."""
        given = fields.get("client_id"), fields.get("client_secret")
        if given != (AIRALO_CLIENT_ID, AIRALO_CLIENT_SECRET):
            message = "The client credentials are invalid."
            return json_reply(401, {"data": [], "meta": {"message": message}})
        wait_seconds = self._wait_seconds()
        if wait_seconds:
            headers = {"retry-after": str(wait_seconds)}
            meta = {"message": "Too Many Attempts."}
            return json_reply(429, {"data": [], "meta": meta}, headers)
        token = _token(int(time.time()) + _LIFETIME_SECONDS)
        data = {"token_type": "Bearer", "expires_in": _LIFETIME_SECONDS, "access_token": token}
        return json_reply(200, {"data": data, "meta": {"message": "success"}})

    def accepts(self, authorization: str) -> bool:
        """Tell whether the header holds a token of ours that is still good."""
        if not authorization.lower().startswith(_SCHEME):
            return False
        token = authorization[len(_SCHEME) :].strip()
        end = token.split("-")[2] if token.count("-") == 3 else ""  # noqa: PLR2004 - see _token
        return end.isdecimal() and int(end) > time.time() and token == _token(int(end))

    def _wait_seconds(self) -> int:
        now = time.monotonic()
        while self._handed_out and now - self._handed_out[0] >= _MINUTE_SECONDS:
            self._handed_out.popleft()
        if self._per_minute is not None and len(self._handed_out) >= self._per_minute:
            return int(_MINUTE_SECONDS - (now - self._handed_out[0])) + 1
        self._handed_out.append(now)
        return 0


def _token(end: int) -> str:
    proof = hmac.new(AIRALO_CLIENT_SECRET.encode(), str(end).encode(), hashlib.sha256)
    return f"sandbox-airalo-{end}-{proof.hexdigest()}"
