"""The whole saga against the sandbox's SM-DP+, over mutual TLS with real certificates."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from domain.codes import parse_activation_code
from domain.errors import (
    Misconfigured,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderReplyUnusable,
    ProviderUnavailable,
)
from domain.provider import Bought, ProvisionedEsim, ProvisionRequest
from providers.es2plus import Es2Plus, Es2PlusConfig
from sandbox.contracts.es2plus import Es2Plus as SandboxContract
from sandbox.profiles import SMDP_ADDRESS
from sandbox.running import running_sandbox
from sandbox.sandbox import Sandbox
from tests.partners.es2plus import SECRET, config_in


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An SM-DP+ that demands a client certificate."""
    async with running_sandbox(tmp_path / "sandbox", tls=True) as sandbox:
        yield sandbox


@pytest.fixture
def config(sandbox: Sandbox) -> Es2PlusConfig:
    """What the sandbox accepts."""
    return config_in(sandbox)


@pytest.fixture
async def adapter(config: Es2PlusConfig) -> AsyncIterator[Es2Plus]:
    """An adapter as a deployment has it."""
    adapter = Es2Plus(config)
    yield adapter
    await adapter.aclose()


def state_of(sandbox: Sandbox, iccid: str | None) -> tuple[str, str]:
    """A profile's state and matching id, in the SM-DP+'s own books."""
    contract = sandbox.contract("ES2PLUS")
    assert isinstance(contract, SandboxContract)
    profile = contract.state_of(str(iccid))
    return profile.state, profile.matching_id


async def bought(adapter: Es2Plus, request: ProvisionRequest) -> tuple[ProvisionedEsim, Bought]:
    """A confirmed profile."""
    accepted = await adapter.provision(request)
    esim = await adapter.advance(replace(request, provider_order_id=accepted.provider_order_id))
    return esim, Bought(request.reference, accepted.provider_order_id, esim.iccid)


async def test_profile_is_reserved_confirmed_released_and_downloaded(
    sandbox: Sandbox, adapter: Es2Plus, request_42: ProvisionRequest
) -> None:
    """Each step moves the profile by one state; a downloaded one is not taken back."""
    accepted = await adapter.provision(request_42)
    assert state_of(sandbox, accepted.provider_order_id) == ("Allocated", "")
    esim = await adapter.advance(replace(request_42, provider_order_id=accepted.provider_order_id))
    matching_id = parse_activation_code(esim.qr_payload).matching_id
    assert state_of(sandbox, esim.iccid) == ("Confirmed", matching_id)
    profile = Bought("order-42", accepted.provider_order_id, esim.iccid)
    await adapter.enable(profile)
    await adapter.enable(replace(profile, repeated=True))
    assert state_of(sandbox, esim.iccid) == ("Released", matching_id)
    sandbox.download(str(esim.iccid))
    assert await adapter.cancel(profile) is False
    assert len(sandbox.net_charges("ES2PLUS")) == 1
    assert matching_id in sandbox.codes("ES2PLUS")


@pytest.mark.parametrize("release_first", [False, True])
async def test_cancellation_takes_the_charge_back(
    sandbox: Sandbox, adapter: Es2Plus, request_42: ProvisionRequest, release_first: bool
) -> None:
    """Until a device has downloaded the profile, it can be given back."""
    esim, profile = await bought(adapter, request_42)
    if release_first:
        await adapter.enable(profile)
    assert await adapter.cancel(profile) is True
    assert state_of(sandbox, esim.iccid)[0] == "Available"
    assert sandbox.net_charges("ES2PLUS") == []


async def test_cancellation_is_not_sent_again_by_the_same_process(
    sandbox: Sandbox, adapter: Es2Plus, request_42: ProvisionRequest
) -> None:
    """The profile may be reserved for another order by then, which nothing may disturb."""
    _, profile = await bought(adapter, request_42)
    assert await adapter.cancel(profile) is True
    assert await adapter.cancel(profile) is True
    assert len(sandbox.calls("ES2PLUS", "cancelOrder")) == 1


@pytest.mark.parametrize(
    "lost", ["reset_before_booking", "reset_after_booking", "truncated_reply", "malformed_reply"]
)
async def test_lost_confirmation_is_repeated_to_the_same_code(
    sandbox: Sandbox, adapter: Es2Plus, request_42: ProvisionRequest, lost: str
) -> None:
    """Whether the first one went through or not, one profile, one code, one charge."""
    accepted = await adapter.provision(request_42)
    request = replace(request_42, provider_order_id=accepted.provider_order_id)
    sandbox.rule("ES2PLUS", lost, operation="confirmOrder")
    with pytest.raises(ProviderUnavailable):
        await adapter.advance(request)
    esim = await adapter.advance(replace(request, repeated=True))
    matching_id = parse_activation_code(esim.qr_payload).matching_id
    assert state_of(sandbox, esim.iccid)[1] == matching_id
    await adapter.enable(Bought("order-42", request.provider_order_id, esim.iccid))
    assert state_of(sandbox, esim.iccid) == ("Released", matching_id)
    assert len(sandbox.net_charges("ES2PLUS")) == 1


async def test_code_that_is_not_ours_is_never_delivered(
    sandbox: Sandbox, adapter: Es2Plus, request_42: ProvisionRequest
) -> None:
    """An SM-DP+ that confirms another matching id than we sent is a person's matter."""
    accepted = await adapter.provision(request_42)
    sandbox.rule("ES2PLUS", "bad_code", operation="confirmOrder")
    with pytest.raises(ProviderReplyUnusable):
        await adapter.advance(replace(request_42, provider_order_id=accepted.provider_order_id))


async def test_address_of_the_smdps_own_is_the_codes(
    sandbox: Sandbox, adapter: Es2Plus, request_42: ProvisionRequest
) -> None:
    """Not the one that ES2PLUS_SMDP_ADDRESS names."""
    sandbox.rule("ES2PLUS", "own_address", address="smdp-3.sandbox.example")
    esim, _ = await bought(adapter, request_42)
    assert parse_activation_code(esim.qr_payload).smdp_address == "smdp-3.sandbox.example"


@pytest.mark.parametrize("lost", ["reset_before_booking", "reset_after_booking"])
async def test_lost_release_is_repeated(
    sandbox: Sandbox, adapter: Es2Plus, request_42: ProvisionRequest, lost: str
) -> None:
    """ReleaseProfile may be sent until it is answered."""
    esim, profile = await bought(adapter, request_42)
    sandbox.rule("ES2PLUS", lost, operation="releaseProfile")
    with pytest.raises(ProviderUnavailable):
        await adapter.enable(profile)
    await adapter.enable(replace(profile, repeated=True))
    assert state_of(sandbox, esim.iccid)[0] == "Released"


async def test_lost_cancellation_is_repeated(
    sandbox: Sandbox, adapter: Es2Plus, request_42: ProvisionRequest
) -> None:
    """One that did not arrive goes through the second time."""
    esim, profile = await bought(adapter, request_42)
    sandbox.rule("ES2PLUS", "reset_before_booking", operation="cancelOrder")
    with pytest.raises(ProviderOutcomeUnknown):
        await adapter.cancel(profile)
    assert await adapter.cancel(profile) is True
    assert state_of(sandbox, esim.iccid)[0] == "Available"


async def test_cancellation_that_went_through_unheard_is_never_taken_for_a_second_one(
    sandbox: Sandbox, adapter: Es2Plus, request_42: ProvisionRequest
) -> None:
    """8.2.1/3.5 may mean "downloaded" as well, so the profile counts as not taken back."""
    _, profile = await bought(adapter, request_42)
    sandbox.rule("ES2PLUS", "reset_after_booking", operation="cancelOrder")
    with pytest.raises(ProviderOutcomeUnknown):
        await adapter.cancel(profile)
    assert await adapter.cancel(profile) is False
    assert sandbox.net_charges("ES2PLUS") == []


@pytest.mark.parametrize(
    ("misbehaviour", "expected", "charges"),
    [
        ("out_of_stock", ProviderOutOfStock, 0),
        ("unknown_plan", ProviderRefused, 0),
        ("no_credit", ProviderRefused, 0),
        ("bad_credentials", ProviderRefused, 0),
        ("rate_limited", ProviderUnavailable, 0),
        ("reset_before_booking", ProviderOutcomeUnknown, 0),
        ("reset_after_booking", ProviderOutcomeUnknown, 1),
        ("error_after_booking", ProviderOutcomeUnknown, 1),
        ("truncated_reply", ProviderReplyUnusable, 1),
        ("empty_reply", ProviderReplyUnusable, 1),
        ("bad_iccid", ProviderReplyUnusable, 1),
    ],
)
async def test_order_that_goes_wrong_says_whether_it_may_be_booked(
    sandbox: Sandbox,
    adapter: Es2Plus,
    request_42: ProvisionRequest,
    misbehaviour: str,
    expected: type[Exception],
    charges: int,
) -> None:
    """Every charge in the SM-DP+'s books is one that we take for possible."""
    sandbox.rule("ES2PLUS", misbehaviour, operation="downloadOrder")
    with pytest.raises(expected) as raised:
        await adapter.provision(request_42)
    assert type(raised.value) is expected
    assert len(sandbox.charges("ES2PLUS")) == charges


async def test_operator_that_the_smdp_does_not_know_is_refused(
    sandbox: Sandbox, config: Es2PlusConfig, request_42: ProvisionRequest
) -> None:
    """A wrong ES2PLUS_REQUESTER_ID is a definite no."""
    adapter = Es2Plus(replace(config, requester_id="operator-2"))
    with pytest.raises(ProviderRefused, match=r"1\.1/1\.1"):
        await adapter.provision(request_42)
    assert sandbox.charges("ES2PLUS") == []
    await adapter.aclose()


# Certificates


@contextmanager
def certificate_of(authority: trustme.CA, folder: Path) -> Iterator[tuple[str, str]]:
    """A certificate and its key in two files."""
    issued = authority.issue_cert("operator.example")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    yield str(certificate), str(key)


async def refused_before_the_send(config: Es2PlusConfig, request: ProvisionRequest) -> None:
    """Nothing was sent: the order can be made later."""
    adapter = Es2Plus(config)
    with pytest.raises(ProviderUnavailable) as raised:
        await adapter.provision(request)
    assert raised.value.reply is None
    await adapter.aclose()


async def test_smdp_of_a_foreign_authority_gets_no_order(
    sandbox: Sandbox, config: Es2PlusConfig, request_42: ProvisionRequest, tmp_path: Path
) -> None:
    """Its certificate is not of ES2PLUS_CA_FILE, so we do not speak to it."""
    foreign = tmp_path / "foreign-ca.pem"
    trustme.CA().cert_pem.write_to_path(str(foreign))
    await refused_before_the_send(replace(config, ca_file=str(foreign)), request_42)
    await refused_before_the_send(replace(config, ca_file=None), request_42)
    assert sandbox.calls("ES2PLUS") == []


async def test_smdp_under_another_name_gets_no_order(
    sandbox: Sandbox, config: Es2PlusConfig, request_42: ProvisionRequest
) -> None:
    """The certificate is for 127.0.0.1 and localhost, and 127.0.0.2 is another host."""
    elsewhere = config.base_url.replace("127.0.0.1", "127.0.0.2")
    await refused_before_the_send(replace(config, base_url=elsewhere), request_42)
    assert sandbox.calls("ES2PLUS") == []


async def test_certificate_that_the_smdp_does_not_take_orders_nothing(
    sandbox: Sandbox, config: Es2PlusConfig, request_42: ProvisionRequest, tmp_path: Path
) -> None:
    """It is refused within the handshake: no request has left, nobody needs to look."""
    with certificate_of(trustme.CA(), tmp_path) as (certificate, key):
        foreign = replace(config, client_certificate_file=certificate, client_key_file=key)
        await refused_before_the_send(foreign, request_42)
    assert sandbox.calls("ES2PLUS") == []


async def test_sandbox_demands_a_certificate(sandbox: Sandbox, config: Es2PlusConfig) -> None:
    """Without that, the tests above would not show mutual TLS."""
    context = ssl.create_default_context(cafile=config.ca_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", sandbox.tls_port, ssl=context)


async def test_key_may_have_a_file_of_its_own(tmp_path: Path, request_42: ProvisionRequest) -> None:
    """ES2PLUS_CLIENT_KEY_FILE beside ES2PLUS_CLIENT_CERTIFICATE_FILE."""
    async with running_sandbox(tmp_path / "two", tls=True) as sandbox:
        text = (sandbox.folder / "client.pem").read_text()
        begin = text.index("-----BEGIN CERTIFICATE")
        (tmp_path / "key.pem").write_text(text[:begin])
        (tmp_path / "certificate.pem").write_text(text[begin:])
        adapter = Es2Plus(
            replace(
                config_in(sandbox),
                client_certificate_file=str(tmp_path / "certificate.pem"),
                client_key_file=str(tmp_path / "key.pem"),
            )
        )
        assert (await adapter.provision(request_42)).provider_order_id
        await adapter.aclose()


class TestUnusableFiles:
    """What does not serve is named by its variable, before anything is bought."""

    @pytest.fixture
    def files(self, tmp_path: Path) -> dict[str, Any]:
        """Good ones, to be spoiled one by one."""
        with certificate_of(trustme.CA(), tmp_path) as (certificate, key):
            return {
                "base_url": "https://smdp.example.com",
                "requester_id": "operator-1",
                "matching_id_secret": SECRET,
                "smdp_address": SMDP_ADDRESS,
                "client_certificate_file": certificate,
                "client_key_file": key,
            }

    def test_good_files_are_accepted(self, files: dict[str, Any]) -> None:
        """The other tests spoil something that works."""
        assert Es2Plus(Es2PlusConfig(**files)).name == "ES2PLUS"

    @pytest.mark.parametrize("field", ["client_certificate_file", "client_key_file", "ca_file"])
    @pytest.mark.parametrize("content", [None, "", "canary", "-----BEGIN CERTIFICATE-----\ncanary"])
    def test_file_that_is_missing_or_no_pem_is_named(
        self, files: dict[str, Any], tmp_path: Path, field: str, content: str | None
    ) -> None:
        """The sentence names the variable and shows neither path nor content."""
        spoiled = tmp_path / "canary.pem"
        if content is not None:
            spoiled.write_text(content)
        with pytest.raises(Misconfigured, match=f"ES2PLUS_{field.upper()}") as raised:
            Es2Plus(Es2PlusConfig(**{**files, field: str(spoiled)}))
        assert "canary" not in str(raised.value)

    def test_folder_is_named(self, files: dict[str, Any], tmp_path: Path) -> None:
        """A path that is no file cannot be read either."""
        with pytest.raises(Misconfigured, match="ES2PLUS_CA_FILE"):
            Es2Plus(Es2PlusConfig(**{**files, "ca_file": str(tmp_path)}))

    def test_key_of_another_certificate_is_named(
        self, files: dict[str, Any], tmp_path: Path
    ) -> None:
        """Two files that do not belong together."""
        other = trustme.CA().issue_cert("other.example").private_key_pem.bytes()
        (tmp_path / "other.pem").write_bytes(other)
        with pytest.raises(Misconfigured, match="ES2PLUS_CLIENT_KEY_FILE is not the key"):
            Es2Plus(Es2PlusConfig(**{**files, "client_key_file": str(tmp_path / "other.pem")}))

    def test_key_with_a_passphrase_fails_at_once(
        self, files: dict[str, Any], tmp_path: Path
    ) -> None:
        """Nobody is asked for it on a terminal."""
        encrypted = tmp_path / "encrypted.pem"
        encrypt = ["openssl", "ec", "-aes256", "-passout", "pass:canary"]
        paths = ["-in", files["client_key_file"], "-out", str(encrypted)]
        subprocess.run([*encrypt, *paths], check=True, capture_output=True)
        with pytest.raises(Misconfigured, match="unencrypted"):
            Es2Plus(Es2PlusConfig(**{**files, "client_key_file": str(encrypted)}))

    def test_https_without_a_certificate_is_refused(self, files: dict[str, Any]) -> None:
        """Only plain HTTP to this machine goes without."""
        with pytest.raises(Misconfigured, match="ES2PLUS_CLIENT_CERTIFICATE_FILE is required"):
            Es2Plus(Es2PlusConfig(**{**files, "client_certificate_file": None}))
