"""Customers and staff, as far as a request needs to know them."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.columns import UserColumns
from db.rows import added, one
from db.tables import users


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can hold a token. Users are never deleted."""

    id: int
    email: str


READ = select(users.c.id, users.c.email)


async def find(connection: AsyncConnection, user_id: int) -> User | None:
    """Find a user by id."""
    return await one(connection, READ.where(users.c.id == user_id), User)


async def ensure(connection: AsyncConnection, email: str, name: str | None = None) -> User:
    """Find a user by their e-mail address, or add them. A name replaces the one they had.

    Idempotent.
    """
    row = insert(users).values(UserColumns(email=email, name=name))
    kept_or_new = func.coalesce(row.excluded.name, users.c.name)
    there = row.on_conflict_do_update(index_elements=[users.c.email], set_={"name": kept_or_new})
    return await added(connection, there.returning(users.c.id, users.c.email), User)
