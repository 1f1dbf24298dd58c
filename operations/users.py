"""Who is staff, in which roles, and who is shut out. Every change is put on record in the log."""

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import users
from db.engine import transaction
from db.users import User
from domain.access import Role
from domain.errors import InvalidInput, UserNotFound
from operations.attribution import attributed, named

log = structlog.get_logger(__name__)


async def staff(engine: AsyncEngine) -> list[User]:
    """List everybody who has a role, or is shut out."""
    async with transaction(engine) as connection:
        return await users.staff_and_blocked(connection)


async def grant(engine: AsyncEngine, email: str, role: Role, actor: str) -> User:
    """Give somebody a role; they are added if need be. Idempotent.

    Raises:
        InvalidInput: not an e-mail address, or nobody is named as the actor.
    """
    by, address = named(actor), email_address(email)
    async with transaction(engine) as connection:
        user = await users.ensure(connection, address)
        await users.grant(connection, user.id, role, by)
        user = await _known(connection, address)
    log.warning("role_granted", actor=by, user=user.id, role=role)
    return user


async def revoke(engine: AsyncEngine, email: str, role: Role, actor: str) -> User:
    """Take a role away from somebody. Idempotent.

    Raises:
        UserNotFound: nobody has this address.
    """
    by = named(actor)
    async with transaction(engine) as connection:
        user = await _known(connection, email)
        await users.revoke(connection, user.id, role)
        user = await _known(connection, email)
    log.warning("role_revoked", actor=by, user=user.id, role=role)
    return user


async def block(engine: AsyncEngine, email: str, actor: str, reason: str) -> User:
    """Shut somebody out: every token of theirs is refused within seconds. Orders go on.

    Raises:
        UserNotFound: nobody has this address.
        InvalidInput: actor or reason is blank.
    """
    by, why = attributed(actor, reason)
    async with transaction(engine) as connection:
        user = await _known(connection, email)
        await users.block(connection, user.id, by, why)
        user = await _known(connection, email)
    log.warning("user_blocked", actor=by, user=user.id, reason=why)
    return user


async def unblock(engine: AsyncEngine, email: str, actor: str) -> User:
    """Let somebody in again. Idempotent.

    Raises:
        UserNotFound: nobody has this address.
    """
    by = named(actor)
    async with transaction(engine) as connection:
        user = await _known(connection, email)
        await users.unblock(connection, user.id)
        user = await _known(connection, email)
    log.warning("user_unblocked", actor=by, user=user.id)
    return user


def email_address(text: str) -> str:
    """Read an e-mail address as somebody typed it.

    Raises:
        InvalidInput: it is none.
    """
    address = text.strip()
    if not all(address.partition("@")) or not address.isprintable() or " " in address:
        raise InvalidInput("--email must be an e-mail address, such as demo@example.com.")
    return address


async def _known(connection: AsyncConnection, email: str) -> User:
    user = await users.find_by_email(connection, email.strip())
    if user is None:
        raise UserNotFound("Nobody has this e-mail address.")
    return user
