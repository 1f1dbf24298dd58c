"""Bearer tokens: what a valid one says, and whether its user exists."""

import hashlib
import re
import time
from dataclasses import dataclass
from typing import Any

import jwt

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


@dataclass(frozen=True, slots=True)
class _Known:
    """A token that was checked, and until when (seconds since 1970) that holds."""

    claims: Claims
    good_until: float


class BearerTokens:
    """Reads bearer tokens (JWT, signed with a shared secret), each one's signature once.

    What is remembered of a token is its hash, never the token.
    """

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings
        self._read: dict[bytes, _Known] = {}

    def read(self, token: str) -> Claims:
        """Check a token and return what it says.

        Raises:
            Problem: 401, whatever is wrong with it.
        """
        key = hashlib.sha256(token.encode(errors="replace")).digest()
        known = self._read.get(key)
        if known is not None and time.time() < known.good_until:
            return known.claims
        payload = self._checked(token)
        claims = _claims(payload)
        if len(self._read) >= _MAXIMUM_KNOWN_TOKENS:
            self._read.clear()
        # No leeway: near its end a token is checked anew each time.
        self._read[key] = _Known(claims, float(payload["exp"]))
        return claims

    def _checked(self, token: str) -> dict[str, Any]:
        settings = self._settings
        try:
            payload: dict[str, Any] = jwt.decode(
                token,
                settings.jwt_secret.get_secret_value(),
                algorithms=[settings.jwt_algorithm],
                audience=settings.jwt_audience,
                issuer=settings.jwt_issuer,
                leeway=settings.jwt_leeway_seconds,
                options={"require": _REQUIRED},
            )
        except jwt.ExpiredSignatureError:
            raise unauthorized("The token has expired.") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            raise unauthorized("The token is not valid.") from None
        return payload


class KnownUsers:
    """Users that exist, remembered: users are never deleted, so a look-up holds for good."""

    def __init__(self, reads: SharedReads) -> None:
        self._reads = reads
        self._users: dict[int, User] = {}

    async def find(self, user_id: int) -> User | None:
        """Find a user by id; the database is asked the first time alone."""
        if user_id not in self._users:
            user = await self._reads.read(
                ("user", user_id), lambda connection: users.find(connection, user_id)
            )
            if user is None:
                return None
            if len(self._users) >= _MAXIMUM_KNOWN_USERS:
                self._users.clear()
            self._users[user_id] = user
        return self._users[user_id]


def unauthorized(detail: str, *, challenge: str = 'Bearer error="invalid_token"') -> Problem:
    """Build a 401 with the challenge that RFC 6750 asks for."""
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})


def _claims(payload: dict[str, Any]) -> Claims:
    subject, scope = payload["sub"], payload.get("scope")
    if not _USER_ID.fullmatch(subject) or int(subject) > LARGEST_ID:
        raise unauthorized("The token names no user.")
    return Claims(int(subject), frozenset(scope.split() if isinstance(scope, str) else ()))
