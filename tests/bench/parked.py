"""What a worker holds while many activations wait for a person."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psutil
from temporalio.client import Client

from tests.bench.costs import peak_mb, resident_mb
from tests.bench.shop import Shop
from tests.bench.throughput import for_each
from tests.partners.connected_you import API_KEY, PARTNER_ID, PartnerServer
from tests.partners.scripted import answering
from workflows.client import Activations

WORKER = "worker-parked"
QUEUE = "bench-parked"
_STATUS = "PROVISIONING_FAILED"
_POLL_SECONDS = 1
_PATIENCE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory of the worker in megabytes with so many activations parked."""

    parked: int
    resident_mb: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class ParkedWorker:
    """Memory of one worker: before the first activation, and as more and more of them wait."""

    idle_mb: float
    samples: Sequence[Sample]

    @property
    def each_kb(self) -> float:
        """What each further one takes, from the first sample to the last."""
        first, last = self.samples[0], self.samples[-1]
        more = last.parked - first.parked
        return 1000 * (last.resident_mb - first.resident_mb) / more if more else 0

    def expected_mb(self, parked: int) -> float:
        """Resident memory with so many, were each further one to take as much."""
        last = self.samples[-1]
        return last.resident_mb + (parked - last.parked) * self.each_kb / 1000


@asynccontextmanager
async def refusing_provider() -> AsyncIterator[str]:
    """A ConnectedYou that does not know our key; gives its address."""
    provider = PartnerServer()
    provider.answer = answering(400, {"error": "no such plan"})
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
        "NOTHING_REAL_IS_SOLD": "true",
        "CONNECTED_YOU_RATE_PER_SECOND": "1000",
    }


async def park(
    worker: psutil.Process,
    client: Client,
    shop: Shop,
    *,
    counts: Sequence[int],
    in_flight: int,
    say: Callable[[str], None],
) -> ParkedWorker:
    """Start activations that no stock and no provider can serve, until each one waits."""
    idle_mb = resident_mb(worker)
    activations = Activations(client, QUEUE)

    async def start(order_id: int) -> None:
        await activations.start(order_id)

    samples: list[Sample] = []
    parked = 0
    for wanted in counts:
        await for_each(await shop.paid_orders(wanted - parked), start, in_flight)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while (parked := await shop.count(_STATUS)) < wanted:
                say(f"{parked} of {wanted} parked")
                await asyncio.sleep(_POLL_SECONDS)
        samples.append(Sample(wanted, resident_mb(worker), peak_mb(worker)))
    return ParkedWorker(idle_mb, samples)
