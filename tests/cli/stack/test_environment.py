"""The variables of a stack."""

from collections.abc import Mapping

from cli.stack.environment import stack_variables

_ADDRESSES = {"DATABASE_URL": "postgresql+psycopg://ours", "TEMPORAL_ADDRESS": "127.0.0.1:7233"}


def _variables(caller: Mapping[str, str], earlier: Mapping[str, str]) -> dict[str, str]:
    return stack_variables(caller, earlier, _ADDRESSES, 8001)


def test_a_setting_of_the_caller_reaches_the_children() -> None:
    """Every setting can be given by environment; other variables are not kept on disk."""
    variables = _variables({"ESIM_PROVIDER": "CONNECTED_YOU", "AWS_SECRET": "x"}, {})
    assert variables["ESIM_PROVIDER"] == "CONNECTED_YOU"
    assert "AWS_SECRET" not in variables


def test_the_stacks_own_addresses_win() -> None:
    """A stray DATABASE_URL must not point the local stack at another database."""
    caller = {"DATABASE_URL": "elsewhere", "TEMPORAL_ADDRESS": "elsewhere", "API_PORT": "1"}
    variables = _variables(caller, {})
    assert variables["DATABASE_URL"] == "postgresql+psycopg://ours"
    assert variables["TEMPORAL_ADDRESS"] == "127.0.0.1:7233"
    assert variables["API_PORT"] == "8001"


def test_the_jwt_secret_is_made_once_and_kept() -> None:
    """Tokens outlive a restart of the stack."""
    first = _variables({}, {})
    assert len(first["JWT_SECRET"]) >= 32
    assert _variables({}, first)["JWT_SECRET"] == first["JWT_SECRET"]
    assert _variables({}, {})["JWT_SECRET"] != first["JWT_SECRET"]


def test_the_callers_jwt_secret_wins_over_the_kept_one() -> None:
    """Whoever gives one means it."""
    secret = "given-by-the-caller-0123456789-0123456789"
    assert _variables({"JWT_SECRET": secret}, _variables({}, {}))["JWT_SECRET"] == secret
