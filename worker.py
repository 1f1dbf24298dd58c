"""The worker: wires settings, database, providers and delivery to the workflow and its steps.

Run it with `python worker.py`. SIGTERM or Ctrl-C lets running steps finish first.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog
import uvloop
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.announcing import announce_once_heard
from activities.apply import ProfileActivities
from activities.balances import BalanceWatch
from activities.deliver import AnswerDelivery, DeliveryActivities
from activities.errors import FailureEdge
from activities.pause_points import PausePoints
from activities.progress import ProgressActivities
from activities.purchase.buy import ProviderActivities, PurchaseRules
from activities.purchase.gate import ProviderGate
from activities.reserve import StockActivities
from activities.routes import Routes, RoutingActivities
from db.engine import create_engine
from db.pooler import without_transaction_pooler
from db.readiness import check_writes, newest_revision
from domain.delivery import Delivery
from domain.errors import EsimError
from domain.gate import SpendLimits
from domain.provider import EsimProvider, resellable
from operations.deadline import answered
from operations.health_port import health_port
from operations.providers import wake_waiting
from operations.readiness import Readiness
from providers import build_providers
from settings import (
    DatabaseSettings,
    LogSettings,
    PaymentSettings,
    ProviderSettings,
    TemporalSettings,
    WorkerSettings,
    load,
    provider_configs,
    refuse_to_give_away,
)
from telemetry.logs import configure_logging
from workflows.activate_esim import ActivateEsimWorkflow
from workflows.client import Activations
from workflows.connection import connect
from workflows.failing_tasks import FailingTasks
from workflows.messages import provider_queue

log = structlog.get_logger("worker")

_SANDBOX = SandboxedWorkflowRunner()

_Steps = Sequence[Callable[..., Awaitable[object]]]


def build_workers(  # noqa: PLR0913 - what a worker is made of
    client: Client,
    engine: AsyncEngine,
    providers: Mapping[str, EsimProvider],
    *,
    task_queue: str,
    default_provider: str,
    settings: WorkerSettings,
    purchases: PurchaseRules = PurchaseRules(),  # noqa: B008 - frozen
    delivery: Delivery = AnswerDelivery(),  # noqa: B008 - holds nothing
    workflow_runner: WorkflowRunner = _SANDBOX,
) -> list[Worker]:
    """Build a worker for the workflow and its database steps, and one for each provider's calls.

    A queue per provider keeps a slow or paused one from holding up anything else.
    """
    folder = settings.pause_points_dir
    pause = PausePoints(Path(folder) if folder else None)
    routes = Routes(default_provider, providers)
    steps = _database_steps(engine, pause, routes, providers, delivery)
    wake = partial(wake_waiting, engine, Activations(client, task_queue))
    purchase = ProviderActivities(engine, pause, providers, purchases, wake)
    calls = [purchase.call_provider, purchase.settle_purchase]
    return [
        _workflow_worker(client, task_queue, steps, settings, workflow_runner),
        *(
            _provider_worker(client, provider_queue(task_queue, name), calls, provider, settings)
            for name, provider in providers.items()
        ),
    ]


def _database_steps(
    engine: AsyncEngine,
    pause: PausePoints,
    routes: Routes,
    providers: Mapping[str, EsimProvider],
    delivery: Delivery,
) -> _Steps:
    stock = StockActivities(engine, pause, routes, providers)
    profile = ProfileActivities(engine, pause, delivery)
    handing_over = DeliveryActivities(engine, pause, delivery)
    progress = ProgressActivities(engine, resellable(providers))
    routing = RoutingActivities(engine, routes)
    return [
        stock.reserve_inventory,
        stock.release_inventory,
        profile.apply_profile,
        handing_over.deliver_instructions,
        progress.record_failed_round,
        progress.record_request,
        progress.cancel_activation,
        routing.choose_provider,
        routing.check_provider,
        routing.find_unsettled,
    ]


def _workflow_worker(
    client: Client,
    task_queue: str,
    steps: _Steps,
    settings: WorkerSettings,
    workflow_runner: WorkflowRunner,
) -> Worker:
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[ActivateEsimWorkflow],
        workflow_runner=workflow_runner,
        activities=steps,
        interceptors=[FailureEdge()],
        max_cached_workflows=settings.worker_max_cached_workflows,
        # More at once would only wait for a connection inside their workflow task, and time out
        # there; in Temporal's queue they wait at no cost.
        max_concurrent_local_activities=settings.worker_max_concurrent_database_steps,
        max_concurrent_workflow_tasks=2 * settings.worker_max_concurrent_database_steps,
        max_concurrent_activities=settings.worker_max_concurrent_activities,
        graceful_shutdown_timeout=timedelta(seconds=settings.worker_graceful_shutdown_seconds),
    )


def _provider_worker(
    client: Client,
    task_queue: str,
    calls: _Steps,
    provider: EsimProvider,
    settings: WorkerSettings,
) -> Worker:
    return Worker(
        client,
        task_queue=task_queue,
        activities=calls,
        interceptors=[FailureEdge()],
        max_concurrent_activities=provider.traits.limits.max_concurrent,
        graceful_shutdown_timeout=timedelta(seconds=settings.worker_graceful_shutdown_seconds),
    )


@asynccontextmanager
async def running(workers: list[Worker]) -> AsyncIterator[None]:
    """Run every worker until the block ends; the first to fail ends it for all."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(worker.run()) for worker in workers]
        yield
        await asyncio.gather(*(worker.shutdown() for worker in workers))
        await asyncio.gather(*tasks)


def purchase_rules(settings: ProviderSettings) -> PurchaseRules:
    """Read what the settings say of every purchase, wherever it is made."""
    allowance = SpendLimits(settings.purchases_per_hour, settings.purchases_per_hour_per_user)
    return PurchaseRules(allowance, settings.purchase_reference_prefix)


def _told_to_stop() -> asyncio.Event:
    """Return an event that SIGINT or SIGTERM sets."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _temporal_client(settings: TemporalSettings, runtime: Runtime) -> Client:
    key = settings.temporal_api_key
    client = await connect(
        settings.temporal_address,
        settings.temporal_namespace,
        tls=settings.temporal_tls,
        api_key=key.get_secret_value() if key else None,
        runtime=runtime,
    )
    # An unregistered search attribute would stall every workflow while it looks alive.
    await Activations(client, settings.temporal_task_queue).check()
    return client


def _database_pool(settings: DatabaseSettings) -> AsyncEngine:
    return create_engine(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        connect_timeout_seconds=settings.database_connect_timeout_seconds,
        check_connections=False,
    )


def _readiness(
    client: Client, task_queue: str, engine: AsyncEngine, failing_tasks: FailingTasks
) -> Readiness:
    """Describe what a worker's `/readyz` looks at."""
    activations = Activations(client, task_queue)
    return Readiness(
        {
            "postgres": partial(check_writes, engine, newest_revision()),
            "temporal": lambda: answered(activations.check()),
            "polling": lambda: answered(activations.check_polled_by(client.identity)),
            "workflows": lambda: answered(failing_tasks.check(client)),
        }
    )


async def _serve(
    workers: list[Worker], engine: AsyncEngine, providers: Mapping[str, EsimProvider]
) -> None:
    """Work, announce what can be bought and watch the balances, until told to stop."""
    watch = BalanceWatch(engine, ProviderGate(engine, SpendLimits()), providers.values())
    stop = _told_to_stop()
    async with without_transaction_pooler(engine, stop.set), running(workers):
        log.info("worker_ready", task_queue=workers[0].task_queue, providers=[*providers])
        announcing = asyncio.create_task(announce_once_heard(engine, providers))
        watching = asyncio.create_task(watch.run())
        await stop.wait()
        watching.cancel()
        announcing.cancel()
        log.info("worker_stopping")


async def main() -> None:
    """Wire everything from the environment and work until told to stop."""
    configure_logging(load(LogSettings))
    temporal = load(TemporalSettings)
    database = load(DatabaseSettings)
    selling = load(ProviderSettings)
    configs = provider_configs(selling)
    refuse_to_give_away(load(PaymentSettings), configs)
    providers = build_providers(selling.esim_provider, configs)
    settings = load(WorkerSettings)
    failing_tasks = FailingTasks()
    client = await _temporal_client(temporal, failing_tasks.runtime())
    engine = _database_pool(database)
    workers = build_workers(
        client,
        engine,
        providers,
        task_queue=temporal.temporal_task_queue,
        default_provider=selling.esim_provider,
        settings=settings,
        purchases=purchase_rules(selling),
        # Tests and replay run in the sandbox, which catches what is not deterministic; here it
        # would cost a third of the worker and twice the memory of a waiting activation.
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    readiness = _readiness(client, temporal.temporal_task_queue, engine, failing_tasks)
    async with health_port(readiness, settings.worker_health_host, settings.worker_health_port):
        await _serve(workers, engine, providers)
    for provider in providers.values():
        await provider.aclose()
    await engine.dispose()


if __name__ == "__main__":
    code = 0
    try:
        uvloop.run(main())
    except EsimError as error:
        print(f"worker: {error.message}", file=sys.stderr)  # noqa: T201 - may precede logging
        code = 1
    sys.stdout.flush()
    # temporalio can abort while the interpreter unwinds (sdk-python#300).
    os._exit(code)
