"""Which configurations of ES2PLUS start, and how the others are named."""

import pytest

from domain.errors import Misconfigured
from domain.purchase import Ambiguity
from providers import ADAPTERS, build_providers
from providers.es2plus import ES2PLUS, Es2Plus, Es2PlusConfig
from settings import load_config
from tests.partners.es2plus import SECRET, SMDP_ADDRESS, config_for

LOOPBACK = "http://127.0.0.1:8080"
SHARED = {"iccid_luhn_strict": False}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """No .env of a developer disturbs."""
    monkeypatch.chdir(str(tmp_path))


def refused(**changes: object) -> str:
    """Why an adapter with these settings is not built."""
    with pytest.raises(Misconfigured) as raised:
        Es2Plus(config_for(LOOPBACK, **changes))
    assert "canary" not in str(raised.value).lower()
    return str(raised.value)


def test_adapter_is_registered() -> None:
    """One line in ADAPTERS; it is buildable and has a reader of notifications."""
    assert ES2PLUS in ADAPTERS
    built = build_providers("ES2PLUS", {"ES2PLUS": config_for(LOOPBACK)})
    assert isinstance(built["ES2PLUS"], Es2Plus)


def test_default_without_a_base_url_is_named() -> None:
    """ESIM_PROVIDER=ES2PLUS needs at least ES2PLUS_BASE_URL."""
    with pytest.raises(Misconfigured, match="ES2PLUS_BASE_URL is required"):
        build_providers("ES2PLUS", {})


def test_variables_make_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every field has its variable; without the base URL there is no ES2PLUS."""
    assert load_config("ES2PLUS", Es2PlusConfig, ES2PLUS.requires, SHARED) is None
    monkeypatch.setenv("ES2PLUS_BASE_URL", "https://smdp.example.com")
    monkeypatch.setenv("ES2PLUS_MATCHING_ID_SECRET", SECRET)
    monkeypatch.setenv("ES2PLUS_CANCELLED_STATUS", "Unavailable")
    config = load_config("ES2PLUS", Es2PlusConfig, ES2PLUS.requires, SHARED)
    assert config is not None
    assert (config.matching_id_secret, config.cancelled_status) == (SECRET, "Unavailable")
    assert config.protocol_version == "v2.2.0"
    monkeypatch.setenv("ES2PLUS_CANCELLED_STATUS", "canary")
    with pytest.raises(Misconfigured, match="ES2PLUS_CANCELLED_STATUS") as raised:
        load_config("ES2PLUS", Es2PlusConfig, ES2PLUS.requires, SHARED)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("ambiguity", [Ambiguity.LOOKUP, Ambiguity.IDEMPOTENT])
def test_only_review_is_possible(ambiguity: Ambiguity) -> None:
    """ES2+ neither deduplicates nor finds an order by our reference; the sentence says so."""
    sentence = refused(ambiguity=ambiguity)
    assert "ES2PLUS_AMBIGUITY must be review" in sentence
    assert "reserves another profile" in sentence


@pytest.mark.parametrize("secret", ["", " ", "canary", "canary" + " " * 40, "c" * 31])
def test_matching_ids_need_a_real_secret(secret: str) -> None:
    """Fewer than 32 characters could be guessed, and with them every code."""
    assert "ES2PLUS_MATCHING_ID_SECRET" in refused(matching_id_secret=secret)


@pytest.mark.parametrize(
    "address", ["", "canary", "https://smdp.canary.example", "smdp.canary.example/path", "10.0.0.1"]
)
def test_smdp_address_must_be_a_host_name(address: str) -> None:
    """It stands in every code, and a repeated ConfirmOrder does not tell it."""
    assert "ES2PLUS_SMDP_ADDRESS" in refused(smdp_address=address)


@pytest.mark.parametrize("requester_id", ["", "  "])
def test_requester_id_is_required(requester_id: str) -> None:
    """Without a name nobody takes orders from us."""
    assert "ES2PLUS_REQUESTER_ID" in refused(requester_id=requester_id)


@pytest.mark.parametrize("version", ["", "2.2.0", "v2", "v3.0.0", "v2.2.0\r\ncanary: 1"])
def test_protocol_version_is_one_of_sgp_22_v2(version: str) -> None:
    """It goes into a header, so nothing else may stand in it."""
    assert "ES2PLUS_PROTOCOL_VERSION" in refused(protocol_version=version)


@pytest.mark.parametrize(
    "base_url", ["", "smdp.example.com", "http://smdp.example.com", "https://canary@example.com"]
)
def test_base_url_is_https_or_this_machine(base_url: str) -> None:
    """As for every provider."""
    assert "ES2PLUS_BASE_URL" in refused(base_url=base_url)


@pytest.mark.parametrize(
    ("header", "secret"), [("x-verified", None), (None, "canary"), ("x-verified", "")]
)
def test_half_a_proxy_check_is_refused(header: str | None, secret: str | None) -> None:
    """A header without a secret would trust everybody."""
    assert "ES2PLUS_NOTIFICATION_HEADER and ES2PLUS_NOTIFICATION_SECRET" in refused(
        notification_header=header, notification_secret=secret
    )


@pytest.mark.parametrize(
    "secret", ["SUCCESS", "canary", "canary canary canary", "canary-é-canary-é"]
)
def test_proxy_secret_that_could_be_guessed_or_no_header_can_carry_is_refused(secret: str) -> None:
    """Nobody may take nginx's $ssl_client_verify for a secret."""
    assert "ES2PLUS_NOTIFICATION_SECRET" in refused(
        notification_header="x-verified", notification_secret=secret
    )


def test_configuration_does_not_show_its_secrets() -> None:
    """A config in a log or a traceback is harmless."""
    config = config_for(
        LOOPBACK, notification_header="x", notification_secret="canary-proxy-secret"
    )
    assert SECRET not in repr(config)
    assert "canary-proxy" not in repr(config)
    assert SMDP_ADDRESS in repr(config)
