"""Settings: what holds by default, what is refused and how, and which source wins."""

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import settings
from domain.errors import Misconfigured
from domain.purchase import Ambiguity
from providers import build_providers
from providers.connected_you import ConnectedYou, ConnectedYouConfig
from settings import (
    SECTIONS,
    ApiSettings,
    AuthSettings,
    DatabaseSettings,
    LogSettings,
    PaymentSettings,
    ProviderSettings,
    TemporalSettings,
    WorkerSettings,
    load,
    provider_configs,
    refuse_to_give_away,
    variable_names,
)

SECRET = "a-secret-of-at-least-32-characters"
CANARY = "canary-value-7f3a"
PARTNER = {"ESIM_PROVIDER": "CONNECTED_YOU", "CONNECTED_YOU_PARTNER_ID": "partner-1"}
LIVE = PARTNER | {"CONNECTED_YOU_DRY_RUN": "false"}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours is set, and the working folder has no .env."""
    for name in os.environ:
        if name.upper() in variable_names():
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def set_all(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    """Put variables into the environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_only_the_token_secret_has_no_default() -> None:
    """A developer starts with an empty environment; tokens are never signed with a known key."""
    for section in SECTIONS:
        if section is not AuthSettings:
            load(section)
    with pytest.raises(Misconfigured, match="JWT_SECRET"):
        load(AuthSettings)


def test_defaults_spend_no_money() -> None:
    """Whoever sets nothing buys nothing, and an unknown outcome waits for a person."""
    settings = load(ProviderSettings)
    assert settings.esim_provider == "LOCAL"
    assert provider_configs(settings) == {}
    assert ConnectedYouConfig(partner_id="partner-1").dry_run
    assert ConnectedYouConfig(partner_id="partner-1").ambiguity is Ambiguity.REVIEW


def test_a_call_ends_before_the_worker_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even the longest provider time-out fits into the worker's graceful shutdown."""
    set_all(monkeypatch, PARTNER | {"CONNECTED_YOU_TIMEOUT_SECONDS": "18"})
    longest = provider_configs(load(ProviderSettings))["CONNECTED_YOU"].timeout_seconds
    assert longest < load(WorkerSettings).worker_graceful_shutdown_seconds


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({"ESIM_PROVIDER": CANARY}, "ESIM_PROVIDER"),
        ({"ESIM_PROVIDER": "CONNECTED_YOU"}, "CONNECTED_YOU_PARTNER_ID"),
        (PARTNER | {"CONNECTED_YOU_PARTNER_ID": ""}, "CONNECTED_YOU_PARTNER_ID"),
        (LIVE, "CONNECTED_YOU_API_KEY"),
        (LIVE | {"CONNECTED_YOU_API_KEY": "  "}, "CONNECTED_YOU_API_KEY"),
        (PARTNER | {"CONNECTED_YOU_DRY_RUN": CANARY}, "CONNECTED_YOU_DRY_RUN"),
        (PARTNER | {"CONNECTED_YOU_AMBIGUITY": CANARY}, "CONNECTED_YOU_AMBIGUITY"),
        (PARTNER | {"CONNECTED_YOU_TIMEOUT_SECONDS": "19"}, "CONNECTED_YOU_TIMEOUT_SECONDS"),
        (PARTNER | {"CONNECTED_YOU_RATE_PER_SECOND": "0"}, "CONNECTED_YOU_RATE_PER_SECOND"),
    ],
)
def test_a_misconfigured_provider_is_named_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], names: str
) -> None:
    """What the worker does first; the sentence names the variable and never its value."""
    set_all(monkeypatch, variables)

    def build() -> None:
        settings = load(ProviderSettings)
        build_providers(settings.esim_provider, provider_configs(settings))

    with pytest.raises(Misconfigured, match=names) as refused:
        build()
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    ("section", "variables", "names"),
    [
        (AuthSettings, {"JWT_SECRET": ""}, "JWT_SECRET"),
        (AuthSettings, {"JWT_SECRET": CANARY}, "JWT_SECRET"),
        (AuthSettings, {"JWT_SECRET": SECRET, "JWT_ALGORITHM": CANARY}, "JWT_ALGORITHM"),
        (AuthSettings, {"JWT_SECRET": SECRET, "JWT_LEEWAY_SECONDS": "3600"}, "JWT_LEEWAY_SECONDS"),
        (ProviderSettings, {"PURCHASES_PER_HOUR": "-1"}, "PURCHASES_PER_HOUR"),
        (ProviderSettings, {"PURCHASE_REFERENCE_PREFIX": "A/"}, "PURCHASE_REFERENCE_PREFIX"),
        (DatabaseSettings, {"DATABASE_POOL_SIZE": CANARY}, "DATABASE_POOL_SIZE"),
        (DatabaseSettings, {"DATABASE_POOL_SIZE": "0"}, "DATABASE_POOL_SIZE"),
        (TemporalSettings, {"TEMPORAL_TLS": CANARY}, "TEMPORAL_TLS"),
        (ApiSettings, {"API_PORT": "65536"}, "API_PORT"),
        (ApiSettings, {"ACTIVATION_WAIT_SECONDS": "26"}, "ACTIVATION_WAIT_SECONDS"),
        (ApiSettings, {"PAYMENT_PROVIDER": CANARY}, "PAYMENT_PROVIDER"),
        (WorkerSettings, {"WORKER_GRACEFUL_SHUTDOWN_SECONDS": "-1"}, "WORKER_GRACEFUL"),
        (LogSettings, {"LOG_LEVEL": CANARY}, "LOG_LEVEL"),
    ],
)
def test_misconfiguration_names_the_variable_and_never_its_value(
    monkeypatch: pytest.MonkeyPatch, section: Any, variables: dict[str, str], names: str
) -> None:
    """One sentence says what to mend; it can be logged, whatever the variable held."""
    set_all(monkeypatch, variables)
    with pytest.raises(Misconfigured, match=names) as refused:
        load(section)
    assert CANARY not in str(refused.value)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_every_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody mends one variable only to learn of the next."""
    set_all(monkeypatch, {"DATABASE_POOL_SIZE": "0", "DATABASE_CONNECT_TIMEOUT_SECONDS": "0"})
    with pytest.raises(Misconfigured, match=r"POOL_SIZE.*CONNECT_TIMEOUT"):
        load(DatabaseSettings)


def test_connected_you_runs_dry_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Staging needs the partner id alone."""
    set_all(monkeypatch, PARTNER)
    assert build_providers("CONNECTED_YOU", provider_configs(load(ProviderSettings)))


def test_connected_you_goes_live_with_id_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two credentials are all that live traffic asks for."""
    set_all(monkeypatch, LIVE | {"CONNECTED_YOU_API_KEY": CANARY})
    built = build_providers("CONNECTED_YOU", provider_configs(load(ProviderSettings)))
    assert isinstance(built["CONNECTED_YOU"], ConnectedYou)


def test_other_providers_ask_nothing_of_connected_you(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a ConnectedYou configuration stops nobody who does not use it."""
    set_all(monkeypatch, {"CONNECTED_YOU_DRY_RUN": "false"})
    assert load(ProviderSettings).esim_provider == "LOCAL"


@pytest.mark.parametrize(
    ("variables", "refused"),
    [
        ({}, False),
        (PARTNER, False),
        (LIVE, True),
        (PARTNER | {"AIRALO_CLIENT_ID": "id", "AIRALO_CLIENT_SECRET": CANARY}, True),
        (LIVE | {"PAYMENT_PROVIDER": "NONE"}, False),
        (LIVE | {"NOTHING_REAL_IS_SOLD": "true"}, False),
        (LIVE | {"NOTHING_REAL_IS_SOLD": "false"}, True),
    ],
)
def test_mock_payments_beside_a_live_provider_are_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], refused: bool
) -> None:
    """Who takes no money must not spend any; a dry run spends none, and sandboxes are named."""
    set_all(monkeypatch, {"CONNECTED_YOU_API_KEY": "key", **variables})
    configs = provider_configs(load(ProviderSettings))
    expected = pytest.raises(Misconfigured, match="NOTHING_REAL_IS_SOLD=true")
    with expected if refused else nullcontext():
        refuse_to_give_away(load(PaymentSettings), configs)


@pytest.mark.parametrize("program", [("-m", "api"), ("worker.py",)])
def test_neither_api_nor_worker_starts_to_give_away(program: tuple[str, ...]) -> None:
    """Before anything is connected, with one sentence."""
    variables = LIVE | {"CONNECTED_YOU_API_KEY": "key", "JWT_SECRET": SECRET}
    ended = subprocess.run(
        [sys.executable, *program],
        cwd=Path(settings.__file__).parent,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "PAYMENT_PROVIDER is MOCK" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printing a section shows no credential."""
    url = f"postgresql+psycopg://esim:{CANARY}@db/esim"
    set_all(
        monkeypatch,
        LIVE
        | {"CONNECTED_YOU_API_KEY": CANARY, "TEMPORAL_API_KEY": CANARY, "DATABASE_URL": url}
        | {"JWT_SECRET": f"{CANARY}, behind which nothing is repeated"},
    )
    assert CANARY not in "".join(repr(load(section)) for section in SECTIONS)
    assert CANARY not in repr(provider_configs(load(ProviderSettings)))


def test_dotenv_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The repository's own counts; other programs' variables in it do not disturb."""
    assert Path(settings.__file__).with_name(".env") == settings.DOTENV
    dotenv = tmp_path / "repository.env"
    dotenv.write_text("LOG_LEVEL=DEBUG\nLOG_FORMAT=console\nPOSTGRES_PASSWORD=of-compose\n")
    monkeypatch.setitem(LogSettings.model_config, "env_file", dotenv)
    (tmp_path / ".env").write_text("LOG_FORMAT=json\n")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    logs = load(LogSettings)
    assert (logs.log_level, logs.log_format) == ("ERROR", "console")


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ("", []),
        ("*", ["*"]),
        (
            "https://a.example, http://localhost:5173",
            ["https://a.example", "http://localhost:5173"],
        ),
    ],
)
def test_origins_are_read_one_by_one(
    monkeypatch: pytest.MonkeyPatch, given: str, allowed: list[str]
) -> None:
    """Commas between them, blanks around them."""
    set_all(monkeypatch, {"CORS_ORIGINS": given})
    assert load(ApiSettings).allowed_origins == allowed


@pytest.mark.parametrize("given", ["shop.example.com", "https://a.example/", "https://*.example"])
def test_what_no_browser_sends_as_its_origin_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """It would allow nobody, and nobody would know why."""
    set_all(monkeypatch, {"CORS_ORIGINS": given})
    with pytest.raises(Misconfigured, match="CORS_ORIGINS"):
        load(ApiSettings)
