"""Rows read as what they are, and writes that must change exactly one."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import StaleWrite

RowT = TypeVar("RowT")

LARGEST_ID = 2**63 - 1
"""The largest key that a Postgres bigint holds."""


async def one(
    connection: AsyncConnection,
    statement: Executable,
    kind: Callable[..., RowT],
    parameters: Mapping[str, object] | None = None,
) -> RowT | None:
    """Read one row as `kind`, whose fields are the selected columns; None if there is no row."""
    row = (await connection.execute(statement, parameters)).mappings().one_or_none()
    return None if row is None else kind(**row)


async def all_of(
    connection: AsyncConnection,
    statement: Executable,
    kind: Callable[..., RowT],
    parameters: Mapping[str, object] | None = None,
) -> list[RowT]:
    """Read every row as `kind`, whose fields are the selected columns, in the statement's order."""
    return [kind(**row) for row in (await connection.execute(statement, parameters)).mappings()]


async def added(
    connection: AsyncConnection, statement: Executable, kind: Callable[..., RowT]
) -> RowT:
    """Run an INSERT that returns the one row it adds, and read that as `kind`."""
    return kind(**(await connection.execute(statement)).mappings().one())


async def changed_one(
    connection: AsyncConnection,
    statement: Executable,
    sentence: str,
    parameters: Mapping[str, object] | None = None,
) -> None:
    """Run a write that must change exactly one row.

    Raises:
        StaleWrite: says `sentence`; it changed none, or several.
    """
    if await _changed(connection, statement, parameters) != 1:
        raise StaleWrite(sentence)


async def claimed(connection: AsyncConnection, statement: Executable) -> bool:
    """Run a write that one of several callers wins; tell whether this one did."""
    return await _changed(connection, statement, None) == 1


async def _changed(
    connection: AsyncConnection, statement: Executable, parameters: Mapping[str, Any] | None
) -> int:
    return (await connection.execute(statement, parameters)).rowcount
