"""Every provider under the conformance suite, ready to use, with the ways to make it fail.

A new provider joins by a case here; the suite itself stays as it is.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from domain.provider import EsimProvider, ProvisionRequest
from domain.purchase import Ambiguity
from providers.connected_you import ConnectedYou, ConnectedYouConfig, ConnectedYouDryRun
from providers.es2plus import Es2Plus
from providers.local import LocalProvider
from sandbox.credentials import AIRALO_CLIENT_SECRET, ESIM_ACCESS_ACCESS_CODE
from sandbox.running import running_sandbox
from sandbox.sandbox import Sandbox
from sandbox.settings import SandboxSettings
from tests.partners.connected_you import API_KEY, MATCHING_ID, PARTNER_ID, PartnerServer
from tests.partners.es2plus import SECRET as MATCHING_ID_SECRET
from tests.partners.es2plus import config_in
from tests.partners.sandboxes import airalo_in, esim_access_in
from tests.partners.scripted import answering, cut_off, reset_after_reading

CUSTOMER = ("canary.user@example.com", "Canary Customer")


@dataclass
class Case:
    """A provider under test.

    Attributes:
        secrets: texts that must never leave the adapter but in the profile itself.
        faults: each makes the next calls fail in its own way.
    """

    provider: EsimProvider
    secrets: tuple[str, ...] = CUSTOMER
    faults: dict[str, Callable[[], object]] = field(default_factory=dict)


@asynccontextmanager
async def local(_: Path) -> AsyncIterator[Case]:
    """LOCAL never fails."""
    yield Case(LocalProvider())


@asynccontextmanager
async def connected_you_dry_run(_: Path) -> AsyncIterator[Case]:
    """The dry run never fails."""
    config = ConnectedYouConfig("https://sandbox.api.connectedyou.com", PARTNER_ID, API_KEY)
    yield Case(ConnectedYouDryRun(config), (*CUSTOMER, API_KEY))


@asynccontextmanager
async def connected_you_live(_: Path) -> AsyncIterator[Case]:
    """ConnectedYou, its look-up confirmed, by a partner of the tests' own.

    A scripted one, since its failures quote every secret back at us; the sandbox knows none.
    """
    partner = PartnerServer()
    await partner.start()
    provider = ConnectedYou(
        ConnectedYouConfig(
            partner.base_url,
            PARTNER_ID,
            API_KEY,
            dry_run=False,
            ambiguity=Ambiguity.LOOKUP,
        )
    )
    yield Case(provider, (*CUSTOMER, API_KEY, MATCHING_ID), partner_faults(partner))
    await provider.aclose()
    await partner.stop()


def partner_faults(partner: PartnerServer) -> dict[str, Callable[[], object]]:
    """One of each kind: refused, later, unknown, lost, and a reply that is not ours."""
    secrets = f"{API_KEY} {MATCHING_ID} LPA:1$smdp.example.com${MATCHING_ID} {CUSTOMER}"
    talk = {"message": secrets, "activationCode": secrets, "details": secrets}
    foreign = {"orderReference": "order-0", "activationCode": MATCHING_ID, "iccid": MATCHING_ID}
    answers = {
        **{f"status {status}": answering(status, talk) for status in (302, 401, 422, 429, 500)},
        "another order": answering(200, {"data": foreign}),
        "cut off": cut_off(secrets.encode()),
        "reset": reset_after_reading,
    }
    return {name: partial(setattr, partner, "answer", answer) for name, answer in answers.items()}


@asynccontextmanager
async def airalo(folder: Path) -> AsyncIterator[Case]:
    """Airalo in the sandbox, answering at once."""
    async with running_sandbox(folder, settings=SandboxSettings()) as sandbox:
        provider = airalo_in(sandbox)
        yield Case(
            provider,
            (*CUSTOMER, AIRALO_CLIENT_SECRET),
            sandbox_faults(sandbox, provider.name, "order", "lookup"),
        )
        await provider.aclose()


@asynccontextmanager
async def airalo_asynchronous(folder: Path) -> AsyncIterator[Case]:
    """Airalo in the sandbox, delivering later."""
    async with running_sandbox(folder, settings=SandboxSettings()) as sandbox:
        provider = airalo_in(sandbox, asynchronous=True)
        yield Case(
            provider,
            (*CUSTOMER, AIRALO_CLIENT_SECRET),
            sandbox_faults(sandbox, provider.name, "order_async", "lookup"),
        )
        await provider.aclose()


@asynccontextmanager
async def esim_access(folder: Path) -> AsyncIterator[Case]:
    """ESIM Access in the sandbox, which always delivers later."""
    async with running_sandbox(folder, settings=SandboxSettings()) as sandbox:
        provider = esim_access_in(sandbox)
        yield Case(
            provider,
            (*CUSTOMER, ESIM_ACCESS_ACCESS_CODE),
            sandbox_faults(sandbox, provider.name, "order", "lookup"),
        )
        await provider.aclose()


@asynccontextmanager
async def es2plus(folder: Path) -> AsyncIterator[Case]:
    """The sandbox's SM-DP+ over mutual TLS: reserved, then confirmed with a code of ours."""
    async with running_sandbox(folder, tls=True) as sandbox:
        provider = Es2Plus(config_in(sandbox))
        yield Case(
            provider,
            (*CUSTOMER, MATCHING_ID_SECRET),
            sandbox_faults(sandbox, provider.name, "downloadOrder", "confirmOrder"),
        )
        await provider.aclose()


def sandbox_faults(
    sandbox: Sandbox, provider: str, *operations: str
) -> dict[str, Callable[[], object]]:
    """Failures of every kind that a purchase and a look-up can meet."""
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        **{f"status {code}": ("status", {"code": code}) for code in (400, 409, 500, 503)},
        **{name: (name, {}) for name in _FAULTS},
    }

    def misbehave(kind: str, options: dict[str, Any]) -> None:
        sandbox.clear_rules()
        for operation in operations:
            sandbox.rule(provider, kind, operation=operation, times=None, **options)

    return {name: partial(misbehave, *kind) for name, kind in kinds.items()}


_FAULTS = (
    "rate_limited",
    "bad_credentials",
    "reset_before_booking",
    "malformed_reply",
    "truncated_reply",
    "empty_reply",
)

CASES = {
    "LOCAL": local,
    "CONNECTED_YOU dry-run": connected_you_dry_run,
    "CONNECTED_YOU live": connected_you_live,
    "AIRALO": airalo,
    "AIRALO asynchronous": airalo_asynchronous,
    "ESIM_ACCESS": esim_access,
    "ES2PLUS": es2plus,
}


@pytest.fixture(params=CASES)
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Case]:
    """Each provider in turn."""
    async with CASES[request.param](tmp_path) as each:
        yield each


@pytest.fixture
def request_42() -> ProvisionRequest:
    """The purchase for order 42."""
    return ProvisionRequest(42, "order-42", "ES-5GB", "Spain 5GB", "ES", *CUSTOMER)
