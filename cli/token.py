"""`esimctl token`: a bearer token for the API, for tests by hand and for ops."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
import typer

from cli.backends import postgres
from db import users
from db.engine import transaction
from domain.errors import InvalidInput
from settings import ADMIN_SCOPE, AuthSettings, load

EXAMPLE = 'Example: TOKEN="$(esimctl token --email ops@example.com --admin)"'

_TEN_YEARS_SECONDS = 10 * 365 * 24 * 3600


def token(
    email: Annotated[str, typer.Option(help="Whose token; the user is created if need be.")],
    name: Annotated[str | None, typer.Option(help="The user's name.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Give the admin scope.")] = False,
    lifetime_seconds: Annotated[
        int | None,
        typer.Option(
            min=1, max=_TEN_YEARS_SECONDS, help="How long it is good; default JWT_LIFETIME_SECONDS."
        ),
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
        InvalidInput: not an e-mail address.
        Misconfigured: no JWT_SECRET.
        StorageUnavailable: Postgres is away.
    """
    settings = load(AuthSettings)
    address = email.strip()
    if not all(address.partition("@")) or any(letter.isspace() for letter in address):
        raise InvalidInput("--email must be an e-mail address, such as demo@example.com.")
    async with postgres() as engine, transaction(engine) as connection:
        user = await users.ensure(connection, address, name)
    now = datetime.now(UTC)
    claims = {
        "sub": str(user.id),
        "email": address,
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "iat": now,
        "exp": now + timedelta(seconds=lifetime_seconds or settings.jwt_lifetime_seconds),
        "scope": ADMIN_SCOPE if admin else "",
    }
    return jwt.encode(claims, settings.jwt_secret.get_secret_value(), settings.jwt_algorithm)
