"""Who is asking: dependencies that a handler names in its signature."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.http.problems import Problem
from api.http.tokens import unauthorized
from api.resources import Shared
from settings import ADMIN_SCOPE

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="`esimctl token` makes one.")


@dataclass(frozen=True, slots=True)
class Caller:
    """The user behind a request."""

    user_id: int
    email: str
    is_admin: bool

    @property
    def actor(self) -> str:
        """How a customer's deeds appear in the audit trail."""
        return f"customer:{self.user_id}"


async def _authenticated(
    shared: Shared,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    if credentials is None:
        raise unauthorized("A bearer token is required.", challenge="Bearer")
    claims = shared.tokens.read(credentials.credentials)
    user = await shared.users.find(claims.user_id)
    if user is None:
        raise unauthorized("The token names no user.")
    return Caller(user.id, user.email, ADMIN_SCOPE in claims.scopes)


async def _admin(caller: Annotated[Caller, Depends(_authenticated)]) -> Caller:
    if not caller.is_admin:
        raise Problem(403, "insufficient-scope", "This needs a token with the scope `admin`.")
    return caller


async def _within_rate(
    shared: Shared, caller: Annotated[Caller, Depends(_authenticated)]
) -> Caller:
    shared.rate_limit.take(caller.user_id)
    return caller


User = Annotated[Caller, Depends(_authenticated)]
"""Anybody with a valid token."""

RateLimitedUser = Annotated[Caller, Depends(_within_rate)]
"""Anybody with a valid token, within their rate limit: for requests that cost something."""

Admin = Annotated[Caller, Depends(_admin)]
"""A token with the scope `admin`."""
