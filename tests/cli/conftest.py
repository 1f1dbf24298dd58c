"""The real program, each command a process, against the test's database and Temporal."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from local.temporal import TemporalServer
from tests.cli.forking import PROGRAM, ROOT, Fork, forking

SECRET = "a-secret-for-tests-of-the-command-line-that-is-long-enough-for-HS512"
# Nothing listens on port 1.
NO_DATABASE = "postgresql+psycopg://esim:esim@127.0.0.1:1/esim"
NO_TEMPORAL = "127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


Esimctl = Callable[..., Ran]


@pytest.fixture(scope="session")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fork]:
    """Where the commands of this run come from."""
    with forking(tmp_path_factory.mktemp("esimctl"), _kept()) as fork:
        yield fork


@pytest.fixture
def environment() -> dict[str, str]:
    """What the command finds in its environment: neither Postgres nor Temporal."""
    return _kept() | {
        "DATABASE_URL": NO_DATABASE,
        "TEMPORAL_ADDRESS": NO_TEMPORAL,
        "JWT_SECRET": SECRET,
        "COLUMNS": "200",
    }


@pytest.fixture
def reachable(
    environment: dict[str, str], temporal_server: TemporalServer, task_queue: str
) -> None:
    """The command finds Temporal, and the queue of this test's worker."""
    environment["TEMPORAL_ADDRESS"] = temporal_server.address
    environment["TEMPORAL_TASK_QUEUE"] = task_queue


@pytest.fixture
def esimctl(environment: dict[str, str], fork: Fork) -> Esimctl:
    """Runs `esimctl ...`; keywords are environment variables, None takes one away."""

    def run(*arguments: object, **variables: str | None) -> Ran:
        given = environment | variables
        kept = {name: value for name, value in given.items() if value is not None}
        ran = Ran(*fork.run([str(argument) for argument in arguments], kept))
        assert "Traceback" not in ran.err
        return ran

    return run


@pytest.fixture
def program(environment: dict[str, str]) -> Esimctl:
    """Runs `python -m cli ...`, imports included: once per command is enough."""

    def run(*arguments: object) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", PROGRAM, *map(str, arguments)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def stocked(environment: dict[str, str], database_url: str) -> None:
    """The command reaches the test's own database."""
    environment["DATABASE_URL"] = database_url


def _kept() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
