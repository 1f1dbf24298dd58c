"""Bearer tokens, good ones and bad ones."""

import time

import jwt

from tests.api.server import JWT_SECRET


def token(user_id: object = 1, **claims: object) -> str:
    """A valid token of a user; keywords replace claims, None removes one."""
    now = int(time.time())
    payload: dict[str, object] = {
        "sub": str(user_id),
        "iss": "esim-activation",
        "aud": "esim-api",
        "iat": now,
        "exp": now + 600,
    }
    kept = {name: value for name, value in (payload | claims).items() if value is not None}
    return jwt.encode(kept, JWT_SECRET, algorithm="HS256")


def bearer(user_id: object = 1, **claims: object) -> dict[str, str]:
    """The header that carries it."""
    return {"Authorization": f"Bearer {token(user_id, **claims)}"}


def admin(user_id: object = 1) -> dict[str, str]:
    """The header of somebody with the admin scope."""
    return bearer(user_id, scope="activations:read admin")
