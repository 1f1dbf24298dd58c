"""The children of a stack: what runs, how it is known to answer, how long it may take to stop."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local.keeper import Child
from local.loopback import answers
from local.postgres import Postgres
from local.process import Command
from local.sandbox import SandboxAddress
from local.temporal import Temporal

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all our own programs share: their variables, and the folder of their logs."""

    env: Mapping[str, str]
    logs: Path

    def python(self, name: str, *arguments: str, patience_seconds: float = 10) -> Command:
        """Describe a program of this repository, whose log carries its name."""
        return Command(
            argv=[sys.executable, *arguments],
            env={**self.env, "PYTHONUNBUFFERED": "1"},  # a killed child's last words count
            log=self.logs / f"{name}.log",
            folder=REPOSITORY,
            patience_seconds=patience_seconds,
        )


def postgres(server: Postgres, logs: Path) -> Child:
    """Describe the database; its preparation also ends what a killed server left running."""
    return Child(
        name="postgres",
        command=server.command(logs / "postgres.log"),
        is_ready=lambda _pid: server.is_ready(),
        before_start=server.prepare,
        stop_round=4,
    )


def temporal(server: Temporal, logs: Path) -> Child:
    """Describe the workflow engine, with its UI."""
    return Child(
        name="temporal",
        command=server.command(logs / "temporal.log"),
        is_ready=lambda _pid: server.is_ready(),
        stop_round=3,
    )


def worker(
    number: int, engine: Temporal, task_queue: str, patience_seconds: float, around: Surroundings
) -> Child:
    """Describe a worker; it answers once Temporal sees its process (`pid@host`) ask for work."""
    name = f"worker-{number}"
    return Child(
        name=name,
        command=around.python(name, "worker.py", patience_seconds=patience_seconds),
        is_ready=partial(_polls, engine, task_queue),
        stop_round=2,
    )


def _polls(engine: Temporal, task_queue: str, pid: int) -> bool:
    own = re.compile(rf"\b{pid}\b")
    return any(own.search(identity) for identity in engine.pollers(task_queue))


def api(around: Surroundings) -> Child:
    """Describe the HTTP API."""
    port = around.env["API_PORT"]
    return Child(
        name="api",
        command=around.python("api", "-m", "api", "api.app:create_app"),
        is_ready=lambda _pid: answers(f"http://127.0.0.1:{port}/readyz"),
    )


def sandbox(address: SandboxAddress, api_port: int, around: Surroundings) -> Child:
    """Describe the provider sandbox, which notifies the API."""
    return Child(
        name="sandbox",
        command=around.python(
            "sandbox", "-m", "sandbox", *address.serve_arguments(f"http://127.0.0.1:{api_port}")
        ),
        is_ready=lambda _pid: answers(f"{address.url}/_sandbox"),
        stop_round=3,  # after the worker, whose last calls go there
    )


def migration(around: Surroundings) -> Command:
    """Describe the run that brings the database to the newest schema."""
    return around.python("migrate", "-m", "alembic", "upgrade", "head")


def seed(around: Surroundings) -> Command:
    """Describe the run that adds a small catalogue and some stock."""
    return around.python("seed", "-m", "cli", "seed")
