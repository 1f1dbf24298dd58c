"""The variables of a stack."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from local.environment import stack_variables
from local.sandbox import SandboxAddress, sandbox_address, sandbox_ports
from sandbox.sandbox import PROVIDERS
from settings import ProviderSettings, load, provider_configs

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


def test_a_sandbox_points_every_adapter_at_itself() -> None:
    """With its credentials; certificates are named only if there are any."""
    address = SandboxAddress(Path("/data/sandbox"), 8600)
    variables = stack_variables({}, {}, _ADDRESSES, 8001, address.variables())
    assert variables["ESIM_PROVIDER"] == "CONNECTED_YOU"
    assert variables["CONNECTED_YOU_DRY_RUN"] == "false"
    assert variables["CONNECTED_YOU_BASE_URL"] == "http://127.0.0.1:8600/connected-you"
    assert variables["AIRALO_BASE_URL"] == "http://127.0.0.1:8600/airalo/v2"
    assert variables["ESIM_ACCESS_BASE_URL"] == "http://127.0.0.1:8600/esim-access/api/v1/open"
    assert variables["ES2PLUS_BASE_URL"] == "http://127.0.0.1:8600/es2plus"
    assert variables["ESIM_SANDBOX_URL"] == "http://127.0.0.1:8600"
    assert variables.keys() >= {
        *("CONNECTED_YOU_API_KEY", "CONNECTED_YOU_PARTNER_ID"),
        *("AIRALO_CLIENT_ID", "AIRALO_CLIENT_SECRET"),
        *("ESIM_ACCESS_ACCESS_CODE", "ES2PLUS_REQUESTER_ID"),
    }
    assert "ES2PLUS_CA_FILE" not in variables


def test_a_sandbox_with_tls_says_where_its_certificates_are() -> None:
    """ES2+ has a port of its own then."""
    variables = SandboxAddress(Path("/data/sandbox"), 8600, 8650).variables()
    assert variables["ES2PLUS_BASE_URL"] == "https://127.0.0.1:8650/es2plus"
    assert variables["ES2PLUS_CA_FILE"] == "/data/sandbox/ca.pem"
    assert variables["ES2PLUS_CLIENT_CERTIFICATE_FILE"] == "/data/sandbox/client.pem"


@pytest.mark.parametrize("tls_port", [None, 8650])
def test_a_sandboxs_variables_are_settings_that_every_adapter_accepts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tls_port: int | None
) -> None:
    """So a stack with a sandbox can buy from all of them."""
    monkeypatch.chdir(tmp_path)
    for name, value in SandboxAddress(tmp_path, 8600, tls_port).variables().items():
        monkeypatch.setenv(name, value)
    configs = provider_configs(load(ProviderSettings))
    assert configs.keys() == set(PROVIDERS)


@pytest.mark.parametrize(
    ("caller", "sold"),
    [
        ({}, "true"),
        ({"AIRALO_CLIENT_ID": "mine"}, "true"),
        ({"AIRALO_BASE_URL": "https://partners-api.airalo.com/v2"}, None),
        ({"NOTHING_REAL_IS_SOLD": "false"}, "false"),
    ],
)
def test_nothing_real_is_sold_as_long_as_every_adapter_points_at_the_sandbox(
    caller: Mapping[str, str], sold: str | None
) -> None:
    """So MOCK payments do there; whoever points one elsewhere has to say so."""
    sandbox = SandboxAddress(Path("/data/sandbox"), 8600).variables()
    variables = stack_variables(caller, {}, _ADDRESSES, 8001, sandbox)
    assert variables.get("NOTHING_REAL_IS_SOLD") == sold
    assert "NOTHING_REAL_IS_SOLD" not in _variables({}, {})


def test_the_caller_wins_over_the_sandbox() -> None:
    """Whoever sets ESIM_PROVIDER or another key means it; without a sandbox nothing is set."""
    address = SandboxAddress(Path("/data/sandbox"), 8600)
    caller = {"ESIM_PROVIDER": "AIRALO", "CONNECTED_YOU_API_KEY": "mine"}
    variables = stack_variables(caller, {}, _ADDRESSES, 8001, address.variables())
    assert variables["ESIM_PROVIDER"] == "AIRALO"
    assert variables["CONNECTED_YOU_API_KEY"] == "mine"
    assert "ESIM_PROVIDER" not in _variables({}, {})


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [(None, set()), ("plain", {"sandbox"}), ("tls", {"sandbox", "sandbox_tls"})],
)
def test_a_stack_claims_ports_for_the_sandbox_it_has(kind: str | None, wanted: set[str]) -> None:
    """And there is an address only if there is a sandbox."""
    ports = sandbox_ports(kind)
    address = sandbox_address(Path("/data"), ports)
    assert ports.keys() == wanted
    assert (address is not None) is ("sandbox" in wanted)
    assert (address is not None and address.tls_port is not None) is ("sandbox_tls" in wanted)
