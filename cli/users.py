"""`esimctl users`: who is staff, in which roles, and who is shut out of the API."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.actor import ActorOption, operating_user
from cli.backends import postgres
from cli.terminal import console, say
from db.users import User
from domain.access import SCOPES, Role
from operations import users as operations

EXAMPLE = "Example: esimctl users grant ops@example.com ops"

ResultT = TypeVar("ResultT")

EmailArgument = Annotated[str, typer.Argument(help="Whose.", metavar="EMAIL")]
RoleArgument = Annotated[Role, typer.Argument(case_sensitive=False, help="Which role.")]

users = typer.Typer(
    help="List who has a role or is blocked; grant, revoke, block, unblock.",
    epilog=EXAMPLE,
    invoke_without_command=True,
    rich_markup_mode=None,
)


@users.callback()
def show(context: typer.Context) -> None:
    """List who has a role or is blocked; grant, revoke, block, unblock."""
    if context.invoked_subcommand is None:
        _table(asyncio.run(_with(operations.staff)))


@users.command()
def grant(email: EmailArgument, role: RoleArgument, actor: ActorOption = operating_user()) -> None:
    """Give somebody a role; they are added if need be."""
    _say(asyncio.run(_with(lambda engine: operations.grant(engine, email, role, actor))))


@users.command()
def revoke(email: EmailArgument, role: RoleArgument, actor: ActorOption = operating_user()) -> None:
    """Take a role away. It counts within seconds, whatever their token says."""
    _say(asyncio.run(_with(lambda engine: operations.revoke(engine, email, role, actor))))


@users.command()
def block(
    email: EmailArgument,
    reason: Annotated[str, typer.Option(help="Why; staff can read it.")],
    actor: ActorOption = operating_user(),
) -> None:
    """Refuse every token of a user, within seconds. Their orders go on."""
    _say(asyncio.run(_with(lambda engine: operations.block(engine, email, actor, reason))))


@users.command()
def unblock(email: EmailArgument, actor: ActorOption = operating_user()) -> None:
    """Let a user in again."""
    _say(asyncio.run(_with(lambda engine: operations.unblock(engine, email, actor))))


async def _with(deed: Callable[[AsyncEngine], Awaitable[ResultT]]) -> ResultT:
    async with postgres() as engine:
        return await deed(engine)


def _say(user: User) -> None:
    shut_out = f"; blocked by {user.blocked_by}: {user.blocked_reason}" if user.blocked_at else ""
    say(f"{user.email} (user {user.id}): {_roles(user)}, may {_scopes(user)}{shut_out}")


def _table(found: list[User]) -> None:
    table = Table("user", "e-mail", "roles", "may", "blocked")
    for user in found:
        blocked = f"{user.blocked_by}: {user.blocked_reason}" if user.blocked_at else ""
        table.add_row(str(user.id), user.email, _roles(user), _scopes(user), blocked)
    console().print(table)


def _roles(user: User) -> str:
    return ", ".join(sorted(user.roles)) or Role.CUSTOMER


def _scopes(user: User) -> str:
    scopes = {scope for role in user.roles for scope in SCOPES[role]}
    return " ".join(sorted(scopes)) or "do what customers do"
