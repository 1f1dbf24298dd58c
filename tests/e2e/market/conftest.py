"""A running stack that buys from four providers in a sandbox."""

from collections.abc import AsyncIterator

import pytest

from tests.e2e.purchase_stack import Market, running_market


@pytest.fixture(scope="package")
async def market(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Market]:
    """One worker, and whoever is asked may take five seconds."""
    async with running_market(tmp_path_factory.mktemp("market")) as running:
        yield running
