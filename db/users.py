"""Customers and staff, as far as a request needs to know them."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.rows import one
from db.tables import users


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can hold a token. Users are never deleted."""

    id: int
    email: str


READ = select(users.c.id, users.c.email)


async def find(connection: AsyncConnection, user_id: int) -> User | None:
    """A user by id."""
    return await one(connection, READ.where(users.c.id == user_id), User)
