"""A partner on loopback and a live ConnectedYou adapter that talks to it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from domain.provider import ProvisionRequest
from providers.connected_you import ConnectedYou, ConnectedYouConfig
from tests.partners.connected_you import API_KEY, PARTNER_ID, PartnerServer

Build = Callable[..., ConnectedYou]


@pytest.fixture
def request_42() -> ProvisionRequest:
    """The purchase for order 42."""
    return ProvisionRequest(
        order_id=42,
        reference="order-42",
        plan_code="ES-5GB",
        plan_name="Spain 5GB",
        country_iso2="ES",
        customer_email="canary.user@example.com",
        customer_name="Canary Customer",
    )


@pytest.fixture
async def partner() -> AsyncIterator[PartnerServer]:
    """A partner that speaks the contract until told otherwise."""
    server = PartnerServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def build(partner: PartnerServer) -> AsyncIterator[Build]:
    """Builds live adapters for the partner; keywords change the configuration."""
    built: list[ConnectedYou] = []
    config = ConnectedYouConfig(
        base_url=partner.base_url, partner_id=PARTNER_ID, api_key=API_KEY, dry_run=False
    )

    def build_one(**changes: object) -> ConnectedYou:
        built.append(ConnectedYou(replace(config, **changes)))  # type: ignore[arg-type]
        return built[-1]

    yield build_one
    for adapter in built:
        await adapter.aclose()


@pytest.fixture
def live(build: Build) -> ConnectedYou:
    """A live adapter as a deployment has it."""
    return build()
