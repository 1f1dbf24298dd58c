"""One run of the benchmark: starts what each part needs, measures, and collects the figures."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager

import httpx
from temporalio.client import Client

from local.keeper import Child
from tests.bench import bulk, contenders, growth, parked, reservation, status, throughput
from tests.bench.costs import Meter
from tests.bench.figures import Figures
from tests.bench.growth import QueryFigures
from tests.bench.no_op import NO_OP_QUEUE
from tests.bench.parked import ParkedWorker, refusing_provider
from tests.bench.plan import Plan
from tests.bench.reservation import Reservations, Shelf
from tests.bench.shop import CUSTOMER, Shop
from tests.bench.stack import BenchStack
from tests.bench.status import StatusRounds
from tests.bench.throughput import Contender, Rounds

_HTTP_TIMEOUT_SECONDS = 60
_ORDERS_TO_ASK_FOR = 50


class Session:
    """The parts of one plan on one stack."""

    def __init__(
        self,
        plan: Plan,
        stack: BenchStack,
        client: Client,
        shop: Shop,
        say: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._stack = stack
        self._client = client
        self._shop = shop
        self._say = say
        self._meter = Meter(stack.processes)

    async def run(self) -> Figures:
        """Measure every part of the plan."""
        await self._shop.open(self._plan.stock)
        async with self._http() as http:
            rounds = await self._race(http)
            latencies = await self._status(http)
        parked_worker = await self._park()
        self._meter.note_memory()
        peaks_mb = self._meter.peaks_mb()
        reservations, queries = await self._grow()
        return Figures(rounds, latencies, parked_worker, peaks_mb, reservations, queries)

    def _http(self) -> httpx.AsyncClient:
        """A customer's client; it connects when it is used."""
        needed = self._plan.parts & {"http", "status"}
        token = self._stack.token(CUSTOMER) if needed else "none"
        return httpx.AsyncClient(
            base_url=self._stack.api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_HTTP_TIMEOUT_SECONDS,
            trust_env=False,
        )

    async def _race(self, http: httpx.AsyncClient) -> Rounds | None:
        runners = self._contenders(http)
        if not runners:
            return None
        with self._running(*self._workers_of(runners)):
            rounds = await throughput.race(
                runners,
                self._meter,
                rounds=self._plan.rounds,
                count=self._plan.activations,
                in_flight=self._plan.in_flight,
                say=self._say,
            )
        if await self._shop.given_from_stock() != await self._shop.count("ACTIVATED"):
            raise RuntimeError("not every activation was a stock hit")
        return rounds

    def _contenders(self, http: httpx.AsyncClient) -> list[Contender]:
        runners = []
        if "stock" in self._plan.parts:
            runners += [contenders.stock(self._client, self._shop)]
            runners += [contenders.normal(self._client, self._shop)]
        if "http" in self._plan.parts:
            runners += [contenders.no_op_by_http(http), contenders.by_http(http, self._shop)]
        return [contenders.no_op(self._client), *runners] if runners else []

    def _workers_of(self, runners: list[Contender]) -> list[Child]:
        names = {one.name for one in runners}
        found = [
            self._stack.rival(contenders.NO_OP_WORKER, NO_OP_QUEUE),
            self._stack.worker(contenders.WORKER, contenders.QUEUE),
        ]
        if contenders.NORMAL in names:
            found.append(self._stack.rival(contenders.NORMAL_WORKER, contenders.NORMAL_QUEUE))
        if contenders.HTTP in names:
            found.append(self._stack.api(contenders.QUEUE))
        return found

    async def _status(self, http: httpx.AsyncClient) -> StatusRounds | None:
        if "status" not in self._plan.parts:
            return None
        with self._running(self._stack.api(contenders.QUEUE)):
            return await status.compare(
                http,
                await self._shop.paid_orders(_ORDERS_TO_ASK_FOR),
                self._meter,
                rounds=self._plan.rounds,
                requests=self._plan.requests,
                say=self._say,
            )

    async def _park(self) -> ParkedWorker | None:
        if "parked" not in self._plan.parts:
            return None
        await self._shop.sell_out()
        async with refusing_provider() as address:
            worker = self._stack.worker(parked.WORKER, parked.QUEUE, parked.settings(address))
            with self._running(worker):
                return await parked.park(
                    self._stack.processes()[parked.WORKER],
                    self._client,
                    self._shop,
                    counts=self._plan.parked,
                    in_flight=self._plan.in_flight,
                    say=self._say,
                )

    async def _grow(self) -> tuple[Reservations | None, Sequence[QueryFigures] | None]:
        """Last, since Postgres is told to load fast from here on."""
        if not self._plan.parts & {"reservation", "growth"}:
            return None, None
        await self._stack.prepare_for_bulk()
        return await self._reserve(), await self._ask_everything()

    async def _reserve(self) -> Reservations | None:
        if "reservation" not in self._plan.parts:
            return None
        shelves: dict[int, Shelf] = {}
        async with AsyncExitStack() as engines:
            for depth in self._plan.depths:
                self._say(f"loading a shelf of {depth:,}")
                engine = await self._stack.database(f"bench_stock_{depth}")
                engines.push_async_callback(engine.dispose)
                await bulk.load_shelf(engine, depth, orders=self._plan.worn * 2)
                shelves[depth] = Shelf(engine)
            return await reservation.compare(
                shelves,
                rounds=self._plan.rounds,
                number=self._plan.reservations,
                crowd=self._plan.crowd,
                drained=self._plan.drained,
                worn=self._plan.worn,
                say=self._say,
            )

    async def _ask_everything(self) -> Sequence[QueryFigures] | None:
        if "growth" not in self._plan.parts:
            return None
        self._say(f"loading {self._plan.orders:,} orders")
        engine = await self._stack.database("bench_orders")
        try:
            await bulk.load_orders(engine, self._plan.orders)
            return await growth.ask_all(
                engine, self._plan.orders, repetitions=self._plan.repetitions, say=self._say
            )
        finally:
            await engine.dispose()

    @contextmanager
    def _running(self, *wanted: Child) -> Iterator[None]:
        """Start these, and stop them at the end of the block, their memory noted."""
        self._say(f"starting {', '.join(child.name for child in wanted)}")
        self._stack.start(*wanted)
        yield
        self._meter.note_memory()
        for child in wanted:
            self._stack.stop(child.name)
