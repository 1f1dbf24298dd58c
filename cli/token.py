"""`esimctl token`: a bearer token for the API, for tests by hand and for ops."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
import typer

from cli.actor import operating_user
from cli.backends import postgres
from db import users
from db.engine import transaction
from db.users import User
from domain.access import ADMIN, Role
from domain.errors import InvalidInput
from operations.users import email_address, grant
from settings import AuthSettings, load

EXAMPLE = 'Example: TOKEN="$(esimctl token --email ops@example.com --admin)"'


def token(
    email: Annotated[str, typer.Option(help="Whose token; the user is created if need be.")],
    name: Annotated[str | None, typer.Option(help="The user's name.")] = None,
    admin: Annotated[
        bool,
        typer.Option(
            "--admin",
            help="For all that the user's roles allow; without a role they become an engineer.",
        ),
    ] = False,
    lifetime_seconds: Annotated[
        int | None,
        typer.Option(min=1, help="How long it is good; default JWT_LIFETIME_SECONDS."),
    ] = None,
) -> None:
    """Print a bearer token, and nothing else, on stdout."""
    minted = asyncio.run(mint(email, name, admin=admin, lifetime_seconds=lifetime_seconds))
    sys.stdout.write(f"{minted}\n")


async def mint(
    email: str,
    name: str | None = None,
    *,
    admin: bool = False,
    lifetime_seconds: float | None = None,
) -> str:
    """Sign a token for a user, who is created if they do not exist.

    Raises:
        InvalidInput: not an e-mail address, or longer than the API takes.
        Misconfigured: no JWT_SECRET.
        StorageUnavailable: Postgres is away.
    """
    settings = load(AuthSettings)
    lifetime_seconds = lifetime_seconds or settings.jwt_lifetime_seconds
    if lifetime_seconds > settings.jwt_max_lifetime_seconds:
        raise InvalidInput(
            f"The API takes tokens of {settings.jwt_max_lifetime_seconds:g} seconds at most"
            " (JWT_MAX_LIFETIME_SECONDS)."
        )
    user = await _user(email_address(email), name, admin=admin)
    now = datetime.now(UTC)
    claims = {
        "sub": str(user.id),
        "email": user.email,
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "iat": now,
        "exp": now + timedelta(seconds=lifetime_seconds),
        "scope": ADMIN if admin else "",
    }
    return jwt.encode(claims, settings.jwt_secret.get_secret_value(), settings.jwt_algorithm)


async def _user(address: str, name: str | None, *, admin: bool) -> User:
    async with postgres() as engine:
        async with transaction(engine) as connection:
            user = await users.ensure(connection, address, name)
        if admin and not user.roles:
            user = await grant(engine, address, Role.ENGINEER, operating_user())
    return user
