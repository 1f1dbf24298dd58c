"""Who is asking: dependencies that a handler names in its signature."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.http.problems import Problem
from api.http.tokens import unauthorized
from api.resources import Shared
from domain.access import ADMIN, Scope, granted

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="`esimctl token` makes one.")


@dataclass(frozen=True, slots=True)
class Caller:
    """The user behind a request."""

    user_id: int
    email: str
    scopes: frozenset[Scope]
    token_expires_at: float
    """Seconds since 1970, clocks' leeway included."""

    @property
    def actor(self) -> str:
        """How a customer's deeds appear in the audit trail."""
        return f"customer:{self.user_id}"

    def may(self, scope: Scope) -> bool:
        """Say whether this request may do more than its user's own business."""
        return scope in self.scopes


async def _authenticated(
    request: Request,
    shared: Shared,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    if credentials is None:
        raise unauthorized("A bearer token is required.", challenge="Bearer")
    claims = shared.tokens.read(credentials.credentials)
    shared.rate_limit.take(claims.user_id)
    user = await shared.users.find(claims.user_id)
    if user is None:
        raise unauthorized("The token names no user.")
    request.scope["user_id"] = user.id  # for the request's log line
    if user.blocked_at is not None:
        raise Problem(403, "user-blocked", "This user is blocked.")
    scopes = granted(user.roles, claims.scopes)
    return Caller(user.id, user.email, scopes, claims.expires_at)


def _with_scope(scope: Scope) -> Callable[[Caller], Awaitable[Caller]]:
    """Make the dependency that wants a scope."""

    async def scoped(caller: Annotated[Caller, Depends(_authenticated)]) -> Caller:
        if not caller.may(scope):
            raise Problem(
                403,
                "insufficient-scope",
                f"This needs the scope `{scope}`: a role that allows it, and a token that asks"
                f" for it (or for `{ADMIN}`).",
            )
        return caller

    return scoped


User = Annotated[Caller, Depends(_authenticated)]
"""Anybody with a valid token, within their rate limit."""

OpsRead = Annotated[Caller, Depends(_with_scope(Scope.OPS_READ))]
OpsAct = Annotated[Caller, Depends(_with_scope(Scope.OPS_ACT))]
CodesRead = Annotated[Caller, Depends(_with_scope(Scope.CODES_READ))]
PaymentsWrite = Annotated[Caller, Depends(_with_scope(Scope.PAYMENTS_WRITE))]
