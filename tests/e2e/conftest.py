"""One running stack for the tests of this folder, buying from a partner on loopback.

A folder below has a stack of its own: see `tests.parallel`.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.stack import Customer, Stack, running_stack
from tests.partners.connected_you import API_KEY, PARTNER_ID, PartnerServer

CANARY_STOCK = "CANARY-STOCK-5Z8Q"
CANARY_CONFIRMATION = "CANARY-CONFIRMATION-7K2M"


@pytest.fixture(scope="package")
async def partner() -> AsyncIterator[PartnerServer]:
    """A partner that speaks the contract and keeps its own ledger."""
    server = PartnerServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="package")
def pause_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a test puts holds for the stack's worker."""
    return tmp_path_factory.mktemp("holds")


@pytest.fixture(scope="package")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, partner: PartnerServer, pause_folder: Path
) -> AsyncIterator[Stack]:
    """The stack with live ConnectedYou; the partner gives the same answer to a reference."""
    async with running_stack(
        tmp_path_factory.mktemp("stack"),
        ESIM_PROVIDER="CONNECTED_YOU",
        CONNECTED_YOU_BASE_URL=partner.base_url,
        CONNECTED_YOU_API_KEY=API_KEY,
        CONNECTED_YOU_PARTNER_ID=PARTNER_ID,
        CONNECTED_YOU_DRY_RUN="false",
        CONNECTED_YOU_AMBIGUITY="idempotent",
        CONNECTED_YOU_RATE_PER_SECOND="1000",
        # One customer buys more in these minutes than anybody should in an hour.
        PURCHASES_PER_HOUR_PER_USER="100000",
        PAUSE_POINTS_DIR=str(pause_folder),
    ) as running:
        yield running


@pytest.fixture(scope="package")
async def customer(stack: Stack) -> AsyncIterator[Customer]:
    """Ana, with a token."""
    ana = await stack.customer()
    yield ana
    await ana.leave()
