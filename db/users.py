"""Customers and staff: who they are, what they may do, and whether they are shut out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.columns import RoleColumns, UserColumns
from db.rows import added, all_of, changed_one, one
from db.tables import user_roles, users
from domain.access import Role


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can hold a token. Users are never deleted; a blocked one is let in nowhere.

    Attributes:
        roles: those on record; empty for a customer.
        blocked_reason: why, for staff; None unless blocked.
    """

    id: int
    email: str
    roles: Sequence[Role]
    blocked_at: datetime | None
    blocked_by: str | None
    blocked_reason: str | None


_ROLES = select(user_roles.c.role).where(user_roles.c.user_id == users.c.id).scalar_subquery()
READ = select(
    users.c.id,
    users.c.email,
    func.array(_ROLES, type_=ARRAY(user_roles.c.role.type)).label("roles"),
    users.c.blocked_at,
    users.c.blocked_by,
    users.c.blocked_reason,
)


async def find(connection: AsyncConnection, user_id: int) -> User | None:
    """Find a user by id."""
    return await one(connection, READ.where(users.c.id == user_id), User)


async def find_by_email(connection: AsyncConnection, email: str) -> User | None:
    """Find a user by the e-mail address, as it was written."""
    return await one(connection, READ.where(users.c.email == email), User)


async def staff_and_blocked(connection: AsyncConnection) -> list[User]:
    """List everybody who is more than a customer, or less."""
    has_role = users.c.id.in_(select(user_roles.c.user_id))
    which = or_(users.c.blocked_at.is_not(None), has_role)
    return await all_of(connection, READ.where(which).order_by(users.c.email), User)


async def ensure(connection: AsyncConnection, email: str, name: str | None = None) -> User:
    """Find a user by their e-mail address, or add them. A name replaces the one they had.

    Idempotent.
    """
    row = insert(users).values(UserColumns(email=email, name=name))
    kept_or_new = func.coalesce(row.excluded.name, users.c.name)
    there = row.on_conflict_do_update(index_elements=[users.c.email], set_={"name": kept_or_new})
    user_id = (await connection.execute(there.returning(users.c.id))).scalar_one()
    return await added(connection, READ.where(users.c.id == user_id), User)


async def grant(connection: AsyncConnection, user_id: int, role: Role, granted_by: str) -> None:
    """Give a role. Idempotent: who gave it first stays on record."""
    row = RoleColumns(user_id=user_id, role=role, granted_by=granted_by)
    await connection.execute(insert(user_roles).values(row).on_conflict_do_nothing())


async def revoke(connection: AsyncConnection, user_id: int, role: Role) -> None:
    """Take a role away. Idempotent."""
    has = (user_roles.c.user_id == user_id) & (user_roles.c.role == role)
    await connection.execute(delete(user_roles).where(has))


async def block(connection: AsyncConnection, user_id: int, by: str, reason: str) -> None:
    """Shut a user out. Repeating it updates who and why, and keeps since when.

    Raises:
        StaleWrite: there is no such user.
    """
    since = func.coalesce(users.c.blocked_at, func.now())
    change = UserColumns(blocked_at=since, blocked_by=by, blocked_reason=reason)
    await _change(connection, user_id, change)


async def unblock(connection: AsyncConnection, user_id: int) -> None:
    """Let a user in again. Idempotent.

    Raises:
        StaleWrite: there is no such user.
    """
    change = UserColumns(blocked_at=None, blocked_by=None, blocked_reason=None)
    await _change(connection, user_id, change)


async def _change(connection: AsyncConnection, user_id: int, change: UserColumns) -> None:
    statement = update(users).where(users.c.id == user_id).values(change)
    await changed_one(connection, statement, "There is no such user any more.")
