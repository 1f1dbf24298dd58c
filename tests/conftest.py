"""Real parts for every test: Postgres, Temporal and a worker, started once, kept apart by name."""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import uvloop
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.announcing import announce
from activities.deliver import AnswerDelivery
from activities.purchase.buy import PurchaseRules
from db.engine import create_engine
from domain.delivery import Delivery
from domain.provider import EsimProvider
from local.temporal import TemporalServer
from providers.local import LocalProvider
from settings import SECTIONS, PaymentSettings, WorkerSettings, _Section
from tests import parallel
from tests.databases import OwnDatabase, connect
from tests.parallel import Servers
from tests.rows import seed_catalogue
from worker import build_workers, running


def pytest_configure(config: pytest.Config) -> None:
    """Let several processes share the servers, and the developer's own .env out of it."""
    config.pluginmanager.register(parallel)
    sections: list[type[_Section]] = [_Section, PaymentSettings, *SECTIONS]
    for section in sections:
        section.model_config["env_file"] = None


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests on the loop of our programs."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[Servers]:
    """A real Postgres and a real Temporal dev server for the whole run."""
    with parallel.servers_of(pytestconfig) as servers:
        yield servers


@pytest.fixture(scope="session")
def postgres_url(servers: Servers) -> str:
    """That Postgres, with a migrated template database."""
    return servers.postgres_url


@pytest.fixture(scope="session")
def admin(postgres_url: str) -> Iterator[psycopg.Connection]:
    """Makes and drops databases; one connection for the whole run."""
    with connect(postgres_url) as connection:
        yield connection


@pytest.fixture(scope="session")
def own_database(postgres_url: str, admin: psycopg.Connection) -> Iterator[OwnDatabase]:
    """This process's database."""
    own = OwnDatabase(admin, postgres_url)
    yield own
    own.drop()


@pytest.fixture
def database_url(own_database: OwnDatabase) -> Iterator[str]:
    """A migrated database without rows; its order ids are used by no other test of this run."""
    yield own_database.fresh()
    own_database.clear()


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """A pool on the test's own database; on a busy machine its turn may take a while."""
    engine = create_engine(database_url, connect_timeout_seconds=30)
    yield engine
    await engine.dispose()


@pytest.fixture
async def catalogue(engine: AsyncEngine) -> None:
    """One country, one carrier and plan 123, "Spain 5GB"."""
    await seed_catalogue(engine)


@pytest.fixture(scope="session")
def temporal_server(servers: Servers) -> TemporalServer:
    """That Temporal, with our search attributes."""
    return TemporalServer(servers.temporal_address, ui_url=None)


@pytest.fixture(scope="session")
async def temporal_client(temporal_server: TemporalServer) -> Client:
    """A client of that server."""
    return await Client.connect(temporal_server.address)


@pytest.fixture
def task_queue() -> str:
    """A queue that no other test's worker polls."""
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def providers() -> dict[str, EsimProvider]:
    """What the worker can buy from; tests override it."""
    return {"LOCAL": LocalProvider()}


@pytest.fixture
def default_provider(providers: dict[str, EsimProvider]) -> str:
    """The first provider is the default."""
    return next(iter(providers))


@pytest.fixture
def purchase_rules() -> PurchaseRules:
    """No spend guard, no prefix, the database's clock; tests override it."""
    return PurchaseRules()


@pytest.fixture
def delivery() -> Delivery:
    """The API's answer alone, as in every deployment so far; tests override it."""
    return AnswerDelivery()


@pytest.fixture
def pause_points_dir(tmp_path: Path) -> Path:
    """Where a test puts `<point>.hold` files."""
    folder = tmp_path / "pause"
    folder.mkdir()
    return folder


@pytest.fixture
def workflow_runner() -> WorkflowRunner:
    """The one that refuses what is not deterministic; tests of many orders override it."""
    return SandboxedWorkflowRunner()


@pytest.fixture
async def worker(  # noqa: PLR0913, PLR0917 - what a worker is made of
    temporal_client: Client,
    engine: AsyncEngine,
    providers: dict[str, EsimProvider],
    default_provider: str,
    task_queue: str,
    pause_points_dir: Path,
    purchase_rules: PurchaseRules,
    delivery: Delivery,
    workflow_runner: WorkflowRunner,
) -> AsyncIterator[None]:
    """A running worker on the test's own queue and database."""
    workers = build_workers(
        temporal_client,
        engine,
        providers,
        task_queue=task_queue,
        default_provider=default_provider,
        settings=WorkerSettings(
            pause_points_dir=str(pause_points_dir), worker_graceful_shutdown_seconds=0.1
        ),
        purchases=purchase_rules,
        delivery=delivery,
        workflow_runner=workflow_runner,
    )
    await announce(engine, providers)
    async with running(workers):
        yield
        await _terminate_leftovers(temporal_client, task_queue)


async def _terminate_leftovers(client: Client, task_queue: str) -> None:
    """End what a test left waiting, so that it costs the next ones nothing."""
    query = f"TaskQueue = '{task_queue}' AND ExecutionStatus = 'Running'"
    with suppress(RPCError):  # the time-skipping server has no lists, and is not shared
        async for execution in client.list_workflows(query):
            handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
            with suppress(RPCError):  # the list lags: it may have ended meanwhile
                await handle.terminate("the test is over")


_exit_status = 0


def pytest_sessionfinish(exitstatus: int) -> None:
    """Remember how the run went, for the very last hook."""
    global _exit_status  # noqa: PLW0603 - pytest's hooks share nothing else
    _exit_status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Leave at once: temporalio can abort while the interpreter unwinds (sdk-python#300)."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_exit_status)
