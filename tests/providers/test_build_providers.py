"""Which providers a deployment gets, and how wrong settings are named."""

import pytest

from domain.errors import Misconfigured
from providers import ConnectedYouConfig, build_providers
from providers.connected_you import ConnectedYou, ConnectedYouDryRun

SANDBOX = "https://sandbox.api.connectedyou.com"
DRY = ConnectedYouConfig(SANDBOX, "partner-1")


def test_local_is_there_only_as_the_default() -> None:
    """A shop that buys from ConnectedYou can never sell a made-up LOCAL code."""
    assert set(build_providers("LOCAL", {})) == {"LOCAL"}
    assert set(build_providers("LOCAL", {"CONNECTED_YOU": DRY})) == {"LOCAL", "CONNECTED_YOU"}
    assert set(build_providers("CONNECTED_YOU", {"CONNECTED_YOU": DRY})) == {"CONNECTED_YOU"}


async def test_dry_run_decides_the_adapter() -> None:
    """Live traffic needs CONNECTED_YOU_DRY_RUN=false and a key."""
    live = ConnectedYouConfig(SANDBOX, "partner-1", "key", dry_run=False)
    built = build_providers("CONNECTED_YOU", {"CONNECTED_YOU": live})["CONNECTED_YOU"]
    assert isinstance(built, ConnectedYou)
    await built.aclose()
    assert isinstance(
        build_providers("CONNECTED_YOU", {"CONNECTED_YOU": DRY})["CONNECTED_YOU"],
        ConnectedYouDryRun,
    )


@pytest.mark.parametrize("default", ["", "local", "NOBODY"])
def test_unknown_default_is_named(default: str) -> None:
    """The sentence says which variable and which values."""
    with pytest.raises(Misconfigured, match="ESIM_PROVIDER must be one of LOCAL, CONNECTED_YOU"):
        build_providers(default, {"CONNECTED_YOU": DRY})


def test_default_without_partner_id_is_named() -> None:
    """CONNECTED_YOU cannot be the default without its partner id."""
    with pytest.raises(Misconfigured, match="CONNECTED_YOU_PARTNER_ID"):
        build_providers("CONNECTED_YOU", {})


@pytest.mark.parametrize("partner_id", ["", "  "])
def test_blank_partner_id_is_named(partner_id: str) -> None:
    """Dry runs need it too."""
    with pytest.raises(Misconfigured, match="CONNECTED_YOU_PARTNER_ID"):
        ConnectedYouConfig(SANDBOX, partner_id)


@pytest.mark.parametrize("api_key", [None, "", " ", "canary key", "canary\n", "canary-é"])
def test_unusable_api_key_is_named_and_not_quoted(api_key: str | None) -> None:
    """Live traffic without a key that a header can carry does not start."""
    config = ConnectedYouConfig(SANDBOX, "partner-1", api_key, dry_run=False)
    with pytest.raises(Misconfigured, match="CONNECTED_YOU_API_KEY") as raised:
        build_providers("CONNECTED_YOU", {"CONNECTED_YOU": config})
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "sandbox.api.connectedyou.com",
        "http://sandbox.api.connectedyou.com",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1",
        "https://",
        "https://user:canary@example.com",
        "https://example.com?key=canary",
        "https://example.com#canary",
        "https://a..example.com",
        f"https://{'a' * 64}.example.com",
        "https://example.com:99999",
        "https://[::1",
        "https://exa\x00mple.com",
    ],
)
def test_unusable_base_url_is_named_and_not_quoted(base_url: str, dry_run: bool) -> None:
    """Only https to one host, or http to this machine; found before the first purchase."""
    config = ConnectedYouConfig(base_url, "partner-1", "key", dry_run=dry_run)
    with pytest.raises(Misconfigured, match="CONNECTED_YOU_BASE_URL") as raised:
        build_providers("CONNECTED_YOU", {"CONNECTED_YOU": config})
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    "base_url",
    [SANDBOX, f"{SANDBOX}/v1/", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:8080"],
)
def test_https_and_loopback_are_accepted(base_url: str) -> None:
    """The sandbox, a path below a host, and this machine in its three spellings."""
    assert build_providers(
        "CONNECTED_YOU", {"CONNECTED_YOU": ConnectedYouConfig(base_url, "partner-1")}
    )


def test_configuration_does_not_show_its_key() -> None:
    """A config in a log or a traceback is harmless."""
    assert "canary" not in repr(ConnectedYouConfig(SANDBOX, "partner-1", "canary"))
