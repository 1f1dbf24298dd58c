"""Every provider under the conformance suite, ready to use, with the ways to make it fail.

A new provider joins by a case here; the suite itself stays as it is.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest

from domain.provider import EsimProvider, ProvisionRequest
from domain.purchase import Ambiguity
from providers.connected_you import ConnectedYou, ConnectedYouConfig, ConnectedYouDryRun
from providers.local import LocalProvider
from tests.providers.partner_server import (
    API_KEY,
    MATCHING_ID,
    PARTNER_ID,
    PartnerServer,
    answering,
    cut_off,
    reset_after_reading,
)

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
async def local() -> AsyncIterator[Case]:
    """LOCAL never fails."""
    yield Case(LocalProvider())


@asynccontextmanager
async def connected_you_dry_run() -> AsyncIterator[Case]:
    """The dry run never fails."""
    config = ConnectedYouConfig("https://sandbox.api.connectedyou.com", PARTNER_ID, API_KEY)
    yield Case(ConnectedYouDryRun(config), (*CUSTOMER, API_KEY))


@asynccontextmanager
async def connected_you_live() -> AsyncIterator[Case]:
    """The live adapter, its look-up confirmed, against a partner on loopback."""
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


CASES = {
    "LOCAL": local,
    "CONNECTED_YOU dry-run": connected_you_dry_run,
    "CONNECTED_YOU live": connected_you_live,
}


@pytest.fixture(params=CASES)
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    """Each provider in turn."""
    async with CASES[request.param]() as each:
        yield each


@pytest.fixture
def request_42() -> ProvisionRequest:
    """The purchase for order 42."""
    return ProvisionRequest(42, "order-42", "ES-5GB", "Spain 5GB", "ES", *CUSTOMER)
