"""Adapters that talk to the provider sandbox, and how to wait for what it delivers."""

import asyncio
from dataclasses import replace

from domain.provider import AcceptedOrder, EsimProvider, ProvisionedEsim, ProvisionRequest
from providers.airalo import Airalo, AiraloConfig
from providers.esim_access import EsimAccess, EsimAccessConfig
from sandbox.credentials import AIRALO_CLIENT_ID, AIRALO_CLIENT_SECRET, ESIM_ACCESS_ACCESS_CODE
from sandbox.sandbox import Sandbox

PATIENCE_SECONDS = 20


def airalo_in(sandbox: Sandbox, **changes: object) -> Airalo:
    """An adapter for the sandbox's Airalo."""
    config = AiraloConfig(
        base_url=sandbox.base_url("AIRALO"),
        client_id=AIRALO_CLIENT_ID,
        client_secret=AIRALO_CLIENT_SECRET,
    )
    return Airalo(replace(config, **changes))  # type: ignore[arg-type]


def esim_access_in(sandbox: Sandbox, **changes: object) -> EsimAccess:
    """An adapter for the sandbox's eSIM Access."""
    config = EsimAccessConfig(
        base_url=sandbox.base_url("ESIM_ACCESS"), access_code=ESIM_ACCESS_ACCESS_CODE
    )
    return EsimAccess(replace(config, **changes))  # type: ignore[arg-type]


async def buy(provider: EsimProvider, request: ProvisionRequest) -> ProvisionedEsim:
    """Buy, and collect what is delivered later, as long as that may take."""
    answer = await provider.provision(request)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while isinstance(answer, AcceptedOrder):
            named = replace(request, provider_order_id=answer.provider_order_id)
            found = await provider.advance(named)
            assert found is not None, "an accepted order is never absent"
            answer = found
    return answer
