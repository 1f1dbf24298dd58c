"""The service's own stack: Postgres, Temporal, the schema, first data, workers and the API."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from local import children
from local.environment import stack_variables
from local.greeting import greeting
from local.keeper import Child, Say, run_once
from local.postgres import Postgres
from local.sandbox import sandbox_address
from local.schema import migrate
from local.state import DataFolder
from local.supervisor import Supervisor, together
from local.temporal import Temporal
from providers import build_providers
from settings import (
    SECTIONS,
    PaymentSettings,
    ProviderSettings,
    TemporalSettings,
    WorkerSettings,
    load,
    provider_configs,
    refuse_to_give_away,
)

DEFAULT_PORTS = {
    "api": 8000,
    "postgres": 25432,
    "temporal": 7233,
    "temporal_http": 7243,
    "temporal_ui": 8233,
}
# Starting once relies on closed workflows; the dev server's own default is one day.
_HISTORY_DAYS = 30


class LocalStack:
    """One stack in one data folder."""

    def __init__(self, folder: DataFolder, ports: dict[str, int], workers: int, say: Say) -> None:
        self._folder = folder
        self._workers = workers
        self._say = say
        self._database = Postgres(folder.path / "postgres", ports["postgres"])
        self._engine = Temporal(
            folder.path / "temporal",
            port=ports["temporal"],
            http_port=ports["temporal_http"],
            ui_port=ports["temporal_ui"],
            namespace=load(TemporalSettings).temporal_namespace,
        )
        addresses = {
            "DATABASE_URL": self._database.url,
            "TEMPORAL_ADDRESS": self._engine.address,
            "TEMPORAL_UI_URL": self._engine.ui_url or "",  # no setting: esimctl points there
        }
        self._sandbox = sandbox_address(folder.path, ports)
        self._variables = stack_variables(
            os.environ,
            folder.read("environment.json"),
            addresses,
            ports["api"],
            self._sandbox.variables() if self._sandbox else {},
        )
        self._api_port = ports["api"]
        self._api_url = f"http://127.0.0.1:{ports['api']}"
        env = {**os.environ, **self._variables, "PYTHONPATH": str(children.REPOSITORY)}
        env.pop("TEMPORAL_API_KEY", None)  # the local server knows no keys
        self._around = children.Surroundings(env, folder.logs)

    def check_settings(self) -> None:
        """Read every setting as the children will.

        Raises:
            Misconfigured: a sentence that names the variable.
        """
        os.environ.update(self._variables)
        for section in SECTIONS:
            load(section)
        default = load(ProviderSettings).esim_provider
        configs = provider_configs(load(ProviderSettings))
        refuse_to_give_away(load(PaymentSettings), configs)
        if default not in configs:
            build_providers(default, {})  # LOCAL needs nothing; of others it says what is missing

    async def start(self, supervisor: Supervisor) -> None:
        """Start everything and wait until it answers.

        Raises:
            StackFault: something did not start; holds the end of its log.
        """
        self._folder.write("environment.json", self._variables)
        if self._sandbox:  # first: it writes the certificates that the others read
            around = self._around
            await supervisor.start(children.sandbox(self._sandbox, self._api_port, around))
        self._say("Starting Postgres, Temporal, the API and the workers ...")
        migrated = asyncio.Event()
        await together(
            self._start_database_and_api(supervisor, migrated),
            self._start_engine_and_workers(supervisor, migrated),
        )

    def describe(self, pids: Mapping[str, int]) -> dict[str, Any]:
        """Write what stack.json says."""
        return {
            "api_url": self._api_url,
            "temporal_address": self._engine.address,
            "temporal_namespace": self._engine.namespace,
            "temporal_ui_url": self._engine.ui_url,
            "database_url": self._database.url,
            "sandbox_url": self._sandbox.url if self._sandbox else None,
            "pids": {
                "supervisor": os.getpid(),
                "postgres": pids["postgres"],
                "temporal": pids["temporal"],
                "worker": [pid for name, pid in pids.items() if name.startswith("worker-")],
                "api": [pids["api"]],
                **({"sandbox": pids["sandbox"]} if self._sandbox else {}),
            },
            "logs": {name: str(self._folder.logs / f"{name}.log") for name in pids},
        }

    def greeting(self) -> str:
        """Write where everything is, and an activation to paste into a shell."""
        sandbox_url = self._sandbox.url if self._sandbox else None
        return greeting(self._folder, self._api_url, self._engine.ui_url, sandbox_url)

    async def _start_database_and_api(
        self, supervisor: Supervisor, migrated: asyncio.Event
    ) -> None:
        await supervisor.start(children.postgres(self._database, self._folder.logs))
        await migrate(self._database, children.migration(self._around))
        migrated.set()
        await together(supervisor.start(children.api(self._around)), self._seed())

    async def _start_engine_and_workers(
        self, supervisor: Supervisor, migrated: asyncio.Event
    ) -> None:
        """Start both, workers once the schema is there: old activations may go on at once."""
        await supervisor.start(children.temporal(self._engine, self._folder.logs))
        self._engine.keep_histories(_HISTORY_DAYS)
        await migrated.wait()
        await supervisor.start(*self._worker_children())

    async def _seed(self) -> None:
        """Add the first data, once per database: what is sold out stays sold out."""
        seeded = self._database.folder / "seeded"
        if not seeded.exists():
            await run_once("Seeding", children.seed(self._around))
            seeded.touch()

    def _worker_children(self) -> list[Child]:
        patience_seconds = load(WorkerSettings).worker_graceful_shutdown_seconds + 5
        task_queue = load(TemporalSettings).temporal_task_queue
        return [
            children.worker(
                number, self._engine, task_queue, patience_seconds, self._around_worker(number)
            )
            for number in range(1, self._workers + 1)
        ]

    def _around_worker(self, number: int) -> children.Surroundings:
        """Give each worker a health port of its own, if one is asked for."""
        first = load(WorkerSettings).worker_health_port
        if first is None:
            return self._around
        env = {**self._around.env, "WORKER_HEALTH_PORT": str(first + number - 1)}
        return replace(self._around, env=env)
