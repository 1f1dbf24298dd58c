"""What a worker holds while many activations wait for a person."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psutil
from temporalio.client import Client

from tests.bench.costs import peak_mb, resident_mb
from tests.bench.shop import Shop
from tests.bench.throughput import for_each
from tests.providers.partner_server import API_KEY, PARTNER_ID, PartnerServer, answering
from workflows.client import Activations

WORKER = "worker-parked"
QUEUE = "bench-parked"
_STATUS = "PROVISIONING_FAILED"
_POLL_SECONDS = 1
_PATIENCE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class ParkedWorker:
    """Memory of one worker in megabytes: before the first activation, and with all of them."""

    parked: int
    idle_mb: float
    resident_mb: float
    peak_mb: float


@asynccontextmanager
async def refusing_provider() -> AsyncIterator[str]:
    """A ConnectedYou that does not know our key; gives its address."""
    provider = PartnerServer()
    provider.answer = answering(401, {"error": "unknown key"})
    await provider.start()
    yield provider.base_url
    await provider.stop()


def settings(address: str) -> dict[str, str]:
    """A worker's variables for the provider at this address."""
    return {
        "ESIM_PROVIDER": "CONNECTED_YOU",
        "CONNECTED_YOU_BASE_URL": address,
        "CONNECTED_YOU_API_KEY": API_KEY,
        "CONNECTED_YOU_PARTNER_ID": PARTNER_ID,
        "CONNECTED_YOU_DRY_RUN": "false",
    }


async def park(
    worker: psutil.Process,
    client: Client,
    shop: Shop,
    *,
    count: int,
    in_flight: int,
    say: Callable[[str], None],
) -> ParkedWorker:
    """Start activations that no stock and no provider can serve, until each one waits."""
    idle_mb = resident_mb(worker)
    activations = Activations(client, QUEUE)

    async def start(order_id: int) -> None:
        await activations.start(order_id)

    await for_each(await shop.paid_orders(count), start, in_flight)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while (parked := await shop.count(_STATUS)) < count:
            say(f"{parked} of {count} parked")
            await asyncio.sleep(_POLL_SECONDS)
    return ParkedWorker(count, idle_mb, resident_mb(worker), peak_mb(worker))
