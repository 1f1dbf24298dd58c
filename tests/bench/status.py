"""How long a client waits for the state of its activation, beside an endpoint that does nothing."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import httpx

from tests.bench.costs import Meter, used_between

STATUS = "GET /api/activations/{id}"
NO_OP = "GET /healthz"


@dataclass(frozen=True, slots=True)
class Latencies:
    """One endpoint in one round: median latency, and CPU of API and Postgres per request."""

    p50_ms: float
    api_cpu_ms: float
    postgres_cpu_ms: float


@dataclass(frozen=True, slots=True)
class StatusRounds:
    """Both endpoints, round by round."""

    rounds: dict[str, list[Latencies]]

    def middle(self, name: str, figure: str) -> float:
        """Median of a figure over the rounds."""
        return median(float(getattr(one, figure)) for one in self.rounds[name])

    def ratios(self) -> list[float]:
        """p50 of the state over p50 of nothing."""
        pairs = zip(self.rounds[STATUS], self.rounds[NO_OP], strict=True)
        return [status.p50_ms / no_op.p50_ms for status, no_op in pairs]


async def compare(
    http: httpx.AsyncClient,
    orders: Sequence[int],
    meter: Meter,
    *,
    rounds: int,
    requests: int,
    say: Callable[[str], None],
) -> StatusRounds:
    """One request after the other on one connection, the endpoints in turn."""
    by_name: dict[str, list[Latencies]] = {STATUS: [], NO_OP: []}
    for number in range(-1, rounds):  # the first one warms up
        for name in (STATUS, NO_OP):
            paths = [_path(name, orders[i % len(orders)]) for i in range(requests)]
            latencies = await _ask(http, paths, meter)
            if number >= 0:
                by_name[name].append(latencies)
                say(f"round {number + 1}/{rounds}  {name:<25} p50 {latencies.p50_ms:.2f} ms")
    return StatusRounds(by_name)


def _path(name: str, order_id: int) -> str:
    return name.removeprefix("GET ").format(id=order_id)


async def _ask(http: httpx.AsyncClient, paths: Sequence[str], meter: Meter) -> Latencies:
    seconds: list[float] = []
    before = meter.cpu_seconds()
    for path in paths:
        started = time.perf_counter()
        answer = await http.get(path)
        seconds.append(time.perf_counter() - started)
        answer.raise_for_status()
    used = used_between(before, meter.cpu_seconds())
    per_request_ms = 1000 / len(paths)
    return Latencies(
        1000 * median(seconds), used["api"] * per_request_ms, used["postgres"] * per_request_ms
    )
