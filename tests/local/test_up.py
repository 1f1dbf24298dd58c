"""`./dev up` with everything it really starts."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.loopback import answers
from tests.local.running import RunningStack, running

pytestmark = pytest.mark.stack

_UP = "local.up"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack with two workers, started from nothing."""
    folder = tmp_path_factory.mktemp("stack")
    options = ["--data-dir", str(folder), "--api-port", "0", "--workers", "2"]
    with running(folder, *options, module=_UP) as stack:
        stack.wait_for("READY")
        yield stack
        stack.signal(signal.SIGTERM)
        assert stack.exit_code() == 0


def test_stack_json_says_where_everything_answers(stack: RunningStack) -> None:
    """Others build on these names."""
    description = stack.description()
    assert answers(f"{description['api_url']}/readyz")
    assert answers(description["temporal_ui_url"])
    assert "console_url" not in description, "there is no console yet"
    with psycopg.connect(description["database_url"].replace("+psycopg", "")) as client:
        assert client.execute("SELECT count(*) > 0 FROM plans").fetchone() == (True,)
    assert description["pids"]["supervisor"] == stack.process.pid
    assert len(description["pids"]["worker"]) == 2
    assert len(description["pids"]["api"]) == 1
    assert all(Path(log).exists() for log in description["logs"].values())


def test_its_secrets_are_for_its_owner_alone(stack: RunningStack) -> None:
    """The database's password and the JWT secret are in these."""
    private = ["stack.json", "environment.json", "postgres/password"]
    logs = [str(log.relative_to(stack.folder)) for log in (stack.folder / "logs").iterdir()]
    modes = {name: (stack.folder / name).stat().st_mode & 0o777 for name in [*private, *logs]}
    assert set(modes.values()) == {0o600}, modes


def test_a_killed_worker_is_replaced(stack: RunningStack) -> None:
    """The point of durable execution: kill it and watch."""
    killed = stack.pid("worker")
    os.kill(killed, signal.SIGKILL)
    stack.wait_for(f"worker-1 (pid {killed}) ended: killed by SIGKILL")
    stack.wait_for("worker-1 answers again")
    assert killed not in stack.description()["pids"]["worker"]
    assert len(stack.description()["pids"]["worker"]) == 2


def test_killed_servers_come_back_where_they_were(stack: RunningStack) -> None:
    """The API answers at the same address once Postgres and Temporal do."""
    before = stack.description()
    for server in ("postgres", "temporal"):
        os.kill(stack.pid(server), signal.SIGKILL)
        stack.wait_for(f"{server} answers again")
    after = stack.description()
    assert {**after, "pids": None} == {**before, "pids": None}
    with psycopg.connect(after["database_url"].replace("+psycopg", "")) as client:
        assert client.execute("SELECT count(*) > 0 FROM plans").fetchone() == (True,)


def test_a_wrong_setting_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """The sentence names the variable."""
    settings = {"ESIM_PROVIDER": "CONNECTED_YOU", "CONNECTED_YOU_PARTNER_ID": ""}
    with running(tmp_path, "--data-dir", str(tmp_path), module=_UP, env=settings) as stack:
        stack.wait_for("CONNECTED_YOU_PARTNER_ID is required")
        assert stack.exit_code() == 1
    assert not (tmp_path / "postgres" / "data").exists()
