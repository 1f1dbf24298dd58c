"""The processes of `./dev up`, started for the benchmark in a folder of their own."""

import secrets
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from db.engine import create_engine
from local import children
from local.children import Surroundings
from local.keeper import Child, run_once
from local.ports import free_port
from local.postgres import Postgres
from local.process import Command, Process, spawn, stop, wait_until
from local.temporal import Temporal
from workflows.connection import connect

# Nobody is turned away, and nobody is cut short, in a benchmark.
_MANY = "10000000"
_UNLIMITED = {
    "RATE_LIMIT_PER_MINUTE": _MANY,
    "ORDERS_PER_MINUTE_PER_USER": _MANY,
    "ACTIVATION_WAITS_PER_USER": _MANY,
    "ACTIVATION_WAIT_SECONDS": "25",
}
_PATIENCE_SECONDS = 10
_CONNECTIONS = 64
_API, _RIVAL_API = "api.app:create_app", "tests.bench.rival_api:create_app"
# What grows is loaded in bulk, and nothing runs beside it unasked.
_FOR_BULK = ("fsync = off", "full_page_writes = off", "max_wal_size = '8GB'", "autovacuum = off")


class BenchStack:
    """Starts children and remembers them, to be measured and stopped."""

    def __init__(self, folder: Path) -> None:
        self._database = Postgres(folder / "postgres", free_port())
        self._engine = Temporal(folder / "temporal", port=free_port(), http_port=free_port())
        self._logs = folder / "logs"
        self._running: list[tuple[str, Process, Command]] = []
        api_port = free_port()
        self.api_url = f"http://127.0.0.1:{api_port}"
        self._env = {
            "PYTHONPATH": str(children.REPOSITORY),
            "DATABASE_URL": self._database.url,
            "TEMPORAL_ADDRESS": self._engine.address,
            "JWT_SECRET": secrets.token_urlsafe(48),
            "API_HOST": "127.0.0.1",
            "API_PORT": str(api_port),
            "WORKER_GRACEFUL_SHUTDOWN_SECONDS": "1",
            **_UNLIMITED,
        }

    @property
    def database_url(self) -> str:
        """For SQLAlchemy."""
        return self._database.url

    async def start_servers(self) -> None:
        """Postgres with the newest schema, and Temporal."""
        self.start(
            children.postgres(self._database, self._logs),
            children.temporal(self._engine, self._logs),
        )
        await run_once("Migrating", children.migration(self._around({})))

    async def database(self, name: str) -> AsyncEngine:
        """Another database of the same server, migrated and empty."""
        url = make_url(self.database_url).set(database=name).render_as_string(hide_password=False)
        await self.admin(f"CREATE DATABASE {name}")
        await run_once(f"Migrating {name}", children.migration(self._around({"DATABASE_URL": url})))
        return create_engine(url, pool_size=_CONNECTIONS)

    async def admin(self, *statements: str) -> None:
        """Statements to the server, outside of any transaction."""
        engine = create_engine(self.database_url).execution_options(isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            for statement in statements:
                await connection.execute(text(statement))
        await engine.dispose()

    async def prepare_for_bulk(self) -> None:
        """Load fast and measure undisturbed; only for what is measured by CPU and by ratio."""
        settings = [f"ALTER SYSTEM SET {setting}" for setting in _FOR_BULK]
        await self.admin(*settings, "SELECT pg_reload_conf()")

    def start(self, *wanted: Child) -> None:
        """Start these at once, and wait until each answers."""
        started = [(child, self._spawned(child)) for child in wanted]
        for child, process in started:
            wait_until(partial(child.is_ready, process.pid), process, child.command)

    def worker(self, name: str, task_queue: str, extra: Mapping[str, str] | None = None) -> Child:
        """The real worker, on a queue of its own."""
        around = self._around({"TEMPORAL_TASK_QUEUE": task_queue, **(extra or {})})
        child = children.worker(1, self._engine, task_queue, _PATIENCE_SECONDS, around)
        return replace(child, name=name, command=replace(child.command, log=self._log(name)))

    def rival(self, name: str, task_queue: str) -> Child:
        """The real worker with the workflow of this name (`rival_worker.RIVALS`) in it."""
        child = self.worker(name, task_queue)
        argv = [child.command.argv[0], "-m", "tests.bench.rival_worker", name]
        return replace(child, command=replace(child.command, argv=argv))

    def api(self, task_queue: str) -> Child:
        """The real API, with the endpoint of `rival_api` beside its own."""
        child = children.api(self._around({"TEMPORAL_TASK_QUEUE": task_queue}))
        argv = [_RIVAL_API if part == _API else part for part in child.command.argv]
        return replace(child, command=replace(child.command, argv=argv))

    def stop(self, name: str) -> None:
        """Stop one child in order."""
        for running in [one for one in self._running if one[0] == name]:
            self._running.remove(running)
            stop(running[1], running[2])

    def stop_all(self) -> None:
        """Stop every child, the last one first."""
        for name in [name for name, _, _ in reversed(self._running)]:
            self.stop(name)

    def processes(self) -> dict[str, psutil.Process]:
        """Every running child by name."""
        return {name: psutil.Process(process.pid) for name, process, _ in self._running}

    def token(self, email: str) -> str:
        """A bearer token, made as people make one; the user is created if need be."""
        command = self._around({}).python("token", "-m", "cli", "token", "--email", email)
        printed = subprocess.run(
            command.argv, env=dict(command.env), cwd=command.folder, check=True, capture_output=True
        )
        return printed.stdout.decode().strip()

    async def client(self) -> Client:
        """A client as the API has one."""
        return await connect(self._engine.address, self._engine.namespace)

    def _around(self, extra: Mapping[str, str]) -> Surroundings:
        return Surroundings({**self._env, **extra}, self._logs)

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _spawned(self, child: Child) -> Process:
        child.before_start()
        process = spawn(child.command)
        self._running.append((child.name, process, child.command))
        return process


@asynccontextmanager
async def running_stack(folder: Path) -> AsyncIterator[BenchStack]:
    """Postgres and Temporal, until the block ends; then everything that was started is stopped."""
    stack = BenchStack(folder)
    try:
        await stack.start_servers()
        yield stack
    finally:
        stack.stop_all()
