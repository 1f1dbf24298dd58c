"""What a person meets first: help, and sentences instead of tracebacks."""

import pytest

from tests.cli.conftest import Esimctl

COMMANDS = (
    "status",
    "list",
    "retry",
    "cancel",
    "reviews",
    "review",
    "resolve",
    "providers",
    "pause",
    "resume",
    "import-stock",
    "token",
    "demo",
    "seed",
)
NEED_POSTGRES = (
    ("status", "42"),
    ("list",),
    ("retry", "42", "--reason", "test"),
    ("cancel", "42", "--reason", "test"),
    ("reviews",),
    ("review", "42"),
    ("review", "42", "--show-reply", "7"),
    ("resolve", "42", "--absent", "--reason", "test"),
    ("providers",),
    ("pause", "LOCAL", "--reason", "test"),
    ("resume", "LOCAL", "--reason", "test"),
    ("import-stock", "docs/sample-stock.csv"),
    ("token", "--email", "ana@example.com"),
    ("demo",),
    ("seed",),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_with_an_example(esimctl: Esimctl, command: str) -> None:
    """`--help` exits 0 and shows an example of the command."""
    shown = esimctl(command, "--help")
    assert shown.code == 0
    assert f"esimctl {command}" in shown.out.partition("Example:")[2]


def test_a_retry_says_what_a_named_provider_replaces(esimctl: Esimctl) -> None:
    """It leaves the plan's route for one round."""
    shown = esimctl("retry", "--help")
    assert "instead of along the plan's route (plan_codes)" in " ".join(shown.out.split())


def test_without_arguments_every_command_is_listed(esimctl: Esimctl) -> None:
    """A newcomer who types the name alone sees what there is."""
    shown = esimctl()
    assert all(command in shown.out + shown.err for command in COMMANDS)


@pytest.mark.parametrize("arguments", NEED_POSTGRES)
def test_an_unreachable_database_is_one_line_with_a_next_step(
    program: Esimctl, arguments: tuple[str, ...]
) -> None:
    """Exit code 1, one line on stderr that names DATABASE_URL, nothing on stdout."""
    failed = program(*arguments)
    assert (failed.code, failed.out) == (1, "")
    assert len(failed.err.splitlines()) == 1
    assert "DATABASE_URL" in failed.err
    assert "./dev up" in failed.err


@pytest.mark.parametrize(
    "url",
    [
        "no url at all",
        "postgresql+psycopg://u:hidden@127.0.0.1:port/x",
        "postgresql+asyncpg://u:hidden@127.0.0.1/x",
        "sqlite:///hidden.db",
    ],
)
def test_a_malformed_database_url_is_named_and_not_quoted(esimctl: Esimctl, url: str) -> None:
    """The variable is named; its value, which holds a password, is not shown."""
    failed = esimctl("list", DATABASE_URL=url)
    assert failed.code == 1
    assert "DATABASE_URL" in failed.err
    assert "hidden" not in failed.err


@pytest.mark.usefixtures("stocked")
def test_a_missing_secret_is_named(esimctl: Esimctl) -> None:
    """Without JWT_SECRET no token is made, and the line says which variable is missing."""
    failed = esimctl("token", "--email", "ana@example.com", JWT_SECRET=None)
    assert (failed.code, failed.out) == (1, "")
    assert "JWT_SECRET" in failed.err


@pytest.mark.parametrize("order", ["0", "9223372036854775808"])
def test_what_cannot_be_an_order_id_is_refused(esimctl: Esimctl, order: str) -> None:
    """Ids outside 64 bits are usage errors: exit code 2."""
    assert esimctl("status", "--", order).code == 2
