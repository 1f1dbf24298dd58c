"""The real program, run as a process of its own against the test's database and Temporal."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
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


@pytest.fixture
def environment() -> dict[str, str]:
    """What the command finds in its environment: neither Postgres nor Temporal."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "DATABASE_URL": NO_DATABASE,
        "TEMPORAL_ADDRESS": NO_TEMPORAL,
        "JWT_SECRET": SECRET,
        "COLUMNS": "200",
    }


@pytest.fixture
def esimctl(environment: dict[str, str]) -> Esimctl:
    """Runs `esimctl ...`; keywords are environment variables, None takes one away."""

    def run(*arguments: object, **variables: str | None) -> Ran:
        given = environment | variables
        done = subprocess.run(
            [sys.executable, "-m", "cli.esimctl", *map(str, arguments)],
            cwd=ROOT,
            env={name: value for name, value in given.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def stocked(environment: dict[str, str], database_url: str) -> None:
    """The command reaches the test's own database."""
    environment["DATABASE_URL"] = database_url
