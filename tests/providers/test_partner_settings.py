"""The variables of AIRALO and ESIM_ACCESS, as a deployment reads them."""

from pathlib import Path

import pytest

from domain.errors import Misconfigured
from domain.purchase import Ambiguity
from providers import ADAPTERS, build_notice_readers, build_providers
from providers.airalo import AIRALO, AiraloConfig
from providers.esim_access import ESIM_ACCESS, EsimAccessConfig
from providers.kit.config import Adapter
from settings import load_config

SHARED = {"iccid_luhn_strict": True}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of theirs is set, and the working folder has no .env."""
    monkeypatch.chdir(tmp_path)
    for name in ("AIRALO_CLIENT_ID", "AIRALO_CLIENT_SECRET", "ESIM_ACCESS_ACCESS_CODE"):
        monkeypatch.delenv(name, raising=False)


def loaded(adapter: Adapter) -> object:
    """The adapter's configuration, None if it is not configured."""
    return load_config(adapter.name, adapter.config, adapter.requires, SHARED)


@pytest.mark.parametrize("adapter", [AIRALO, ESIM_ACCESS])
def test_provider_is_off_until_it_is_named(adapter: Adapter) -> None:
    """Who sets nothing buys nothing there; as the default it must be configured."""
    assert adapter in ADAPTERS
    assert loaded(adapter) is None
    with pytest.raises(Misconfigured, match=f"{adapter.name}_"):
        build_providers(adapter.name, {})


async def test_airalo_is_read_from_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field has its variable; an empty one is an absent one."""
    monkeypatch.setenv("AIRALO_CLIENT_ID", "client-1")
    monkeypatch.setenv("AIRALO_CLIENT_SECRET", "canary-secret")
    monkeypatch.setenv("AIRALO_ASYNCHRONOUS", "true")
    monkeypatch.setenv("AIRALO_WEBHOOK_URL", "")
    monkeypatch.setenv("AIRALO_AMBIGUITY", "review")
    config = loaded(AIRALO)
    assert isinstance(config, AiraloConfig)
    assert (config.client_id, config.asynchronous) == ("client-1", True)
    assert (config.ambiguity, config.iccid_luhn_strict) == (Ambiguity.REVIEW, True)
    configs = {"AIRALO": config}
    assert build_notice_readers(configs)["AIRALO"].name == "AIRALO"
    await build_providers("AIRALO", configs)["AIRALO"].aclose()


async def test_esim_access_is_read_from_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field has its variable."""
    monkeypatch.setenv("ESIM_ACCESS_ACCESS_CODE", "canary-code")
    monkeypatch.setenv("ESIM_ACCESS_AMBIGUITY", "idempotent")
    config = loaded(ESIM_ACCESS)
    assert isinstance(config, EsimAccessConfig)
    assert (config.access_code, config.ambiguity) == ("canary-code", Ambiguity.IDEMPOTENT)
    configs = {"ESIM_ACCESS": config}
    assert build_notice_readers(configs)["ESIM_ACCESS"].name == "ESIM_ACCESS"
    await build_providers("ESIM_ACCESS", configs)["ESIM_ACCESS"].aclose()


def test_half_of_airalos_credentials_stops_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the other half."""
    monkeypatch.setenv("AIRALO_CLIENT_ID", "client-1")
    with pytest.raises(Misconfigured, match="AIRALO_CLIENT_SECRET"):
        loaded(AIRALO)
