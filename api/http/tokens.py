"""Bearer tokens: what a valid one says, and who its user is."""

import contextlib
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from pydantic import SecretStr

from api.http.problems import Problem
from db import users
from db.rows import LARGEST_ID
from db.shared_reads import SharedReads
from db.users import User
from settings import AuthSettings

_REQUIRED = ["exp", "aud", "iss", "sub"]
_USER_ID = re.compile(r"[1-9][0-9]{0,18}")
_MAXIMUM_KNOWN_USERS = 10_000
_MAXIMUM_KNOWN_TOKENS = 10_000


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says about its bearer."""

    user_id: int
    scopes: frozenset[str]
    expires_at: float
    """Seconds since 1970, clocks' leeway included."""


@dataclass(frozen=True, slots=True)
class _KnownUser:
    """A user as the database had them, and until when (by our own clock) that is good enough."""

    user: User
    good_until: float


class BearerTokens:
    """Reads bearer tokens (JWT, signed with a shared secret), each one's signature once.

    While the secret is changed, those of the secret before are read too.

    What is remembered of a token is its hash, never the token.
    """

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings
        previous = settings.jwt_secret_previous
        self._secrets = (settings.jwt_secret, *((previous,) if previous else ()))
        self._read: dict[bytes, Claims] = {}

    def read(self, token: str) -> Claims:
        """Check a token and return what it says.

        Raises:
            Problem: 401, whatever is wrong with it.
        """
        key = hashlib.sha256(token.encode(errors="replace")).digest()
        known = self._read.get(key)
        # No leeway: near its end a token is checked anew each time.
        if known is not None and time.time() < known.expires_at - self._settings.jwt_leeway_seconds:
            return known
        payload = self._checked(token)
        self._refuse_long_life(payload)
        expires_at = float(payload["exp"]) + self._settings.jwt_leeway_seconds
        claims = _claims(payload, expires_at)
        if len(self._read) >= _MAXIMUM_KNOWN_TOKENS:
            self._read.clear()
        self._read[key] = claims
        return claims

    def _checked(self, token: str) -> dict[str, Any]:
        for secret in self._secrets[:-1]:
            with contextlib.suppress(jwt.InvalidSignatureError):
                return self._decoded(token, secret)
        try:
            return self._decoded(token, self._secrets[-1])
        except jwt.InvalidSignatureError:
            raise _not_valid() from None

    def _decoded(self, token: str, secret: SecretStr) -> dict[str, Any]:
        settings = self._settings
        try:
            payload: dict[str, Any] = jwt.decode(
                token,
                secret.get_secret_value(),
                algorithms=[settings.jwt_algorithm],
                audience=settings.jwt_audience,
                issuer=settings.jwt_issuer,
                leeway=settings.jwt_leeway_seconds,
                options={"require": _REQUIRED},
            )
        except jwt.ExpiredSignatureError:
            raise unauthorized("The token has expired.") from None
        except jwt.InvalidSignatureError:
            raise
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            raise _not_valid() from None
        return payload

    def _refuse_long_life(self, payload: dict[str, Any]) -> None:
        """A token that leaks is good until its end: whoever signed it, that is bounded here."""
        settings = self._settings
        longest = settings.jwt_max_lifetime_seconds + settings.jwt_leeway_seconds
        began = min(float(payload.get("iat", time.time())), time.time())
        if float(payload["exp"]) - began > longest:
            raise unauthorized(
                "The token is good for too long:"
                f" {settings.jwt_max_lifetime_seconds:g} seconds are the most."
            )


class KnownUsers:
    """Users with their roles, remembered for a few seconds: as long as a block may take."""

    def __init__(
        self, reads: SharedReads, cache_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reads = reads
        self._cache_seconds = cache_seconds
        self._clock = clock
        self._users: dict[int, _KnownUser] = {}

    async def find(self, user_id: int) -> User | None:
        """Find a user by id.

        Raises:
            StorageUnavailable: Postgres is away, and what is remembered is too old.
        """
        known = self._users.get(user_id)
        if known is not None and self._clock() < known.good_until:
            return known.user
        asked_at = self._clock()
        user = await self._reads.read(
            ("user", user_id), lambda connection: users.find(connection, user_id)
        )
        if user is not None:
            if len(self._users) >= _MAXIMUM_KNOWN_USERS:
                self._users.clear()
            self._users[user_id] = _KnownUser(user, asked_at + self._cache_seconds)
        return user


def unauthorized(detail: str, *, challenge: str = 'Bearer error="invalid_token"') -> Problem:
    """Build a 401 with the challenge that RFC 6750 asks for."""
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})


def _not_valid() -> Problem:
    return unauthorized("The token is not valid.")


def _claims(payload: dict[str, Any], expires_at: float) -> Claims:
    subject, scope = payload["sub"], payload.get("scope")
    if not _USER_ID.fullmatch(subject) or int(subject) > LARGEST_ID:
        raise unauthorized("The token names no user.")
    if not isinstance(scope, str | None):
        raise unauthorized(
            "The token's `scope` is not a text: scopes are words with spaces between them"
            " (RFC 8693, section 4.2)."
        )
    return Claims(int(subject), frozenset((scope or "").split()), expires_at)
