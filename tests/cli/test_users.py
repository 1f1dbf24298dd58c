"""`esimctl users`: roles, and who is shut out."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.cli.conftest import Esimctl
from tests.rows import rows

pytestmark = pytest.mark.usefixtures("stocked")
BEA = "bea@example.com"


async def test_a_role_is_granted_once_and_revoked(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """Whoever has none is added; who granted it first stays on record; repeating is harmless."""
    for actor in ("jo", "someone-else"):
        granted = esimctl("users", "grant", BEA, "finance", "--actor", actor)
        assert granted.code == 0, granted.err
        assert "finance, may ops:read payments:write" in granted.out
    found = await rows(engine, "SELECT role, granted_by FROM user_roles")
    assert [tuple(row.values()) for row in found] == [("FINANCE", "jo")]
    assert BEA in esimctl("users").out
    for _ in range(2):
        assert (
            "customer, may do what customers do" in esimctl("users", "revoke", BEA, "finance").out
        )
    assert BEA not in esimctl("users").out


async def test_a_user_is_blocked_with_a_reason_and_let_in_again(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """The list shows who did it and why; what would steer a terminal is written out."""
    assert esimctl("token", "--email", BEA).code == 0
    reason = "stolen card \x1b[2J"
    for _ in range(2):
        blocked = esimctl("users", "block", BEA, "--reason", reason, "--actor", "jo")
        assert blocked.code == 0, blocked.err
    listed = esimctl("users").out
    assert "jo: stolen card \\x1b[2J" in listed
    assert "\x1b[2J" not in listed
    assert "blocked by" not in esimctl("users", "unblock", BEA).out
    [row] = await rows(engine, "SELECT blocked_at, blocked_by, blocked_reason FROM users")
    assert list(row.values()) == [None, None, None]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("block", "nobody@example.com", "--reason", "x"), "Nobody has this e-mail address."),
        (("revoke", "nobody@example.com", "ops"), "Nobody has this e-mail address."),
        (("grant", "bea", "ops"), "e-mail address"),
        (("grant", BEA, "ops", "--actor", " "), "must not be blank"),
    ],
)
def test_what_cannot_be_done_is_said(
    esimctl: Esimctl, arguments: tuple[str, ...], sentence: str
) -> None:
    """Exit code 1 and a sentence; nothing is on stdout."""
    failed = esimctl("users", *arguments)
    assert (failed.code, failed.out) == (1, "")
    assert sentence in failed.err
