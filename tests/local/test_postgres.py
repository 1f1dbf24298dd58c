"""The local Postgres by itself."""

import os
import signal
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from local.ports import free_port
from local.postgres import Postgres, run_postgres
from local.process import spawn, stop, wait_until
from tests.local.running import wait_until_gone

pytestmark = pytest.mark.slow


@pytest.fixture
def private_folder(tmp_path: Path) -> Path:
    """A folder that no other user can enter, as below /root."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    return folder


def _connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url.replace("+psycopg", ""))


def test_a_second_run_finds_the_data_of_the_first(private_folder: Path) -> None:
    """Even in a folder that the server's own user cannot reach."""
    with run_postgres(private_folder) as url, _connect(url) as client:
        client.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with run_postgres(private_folder) as url, _connect(url) as client:
        assert client.execute("SELECT answer FROM kept").fetchall() == [(42,)]


def test_only_the_generated_password_lets_anyone_in(private_folder: Path) -> None:
    """No trust: a local user without the password is refused."""
    with run_postgres(private_folder) as url:
        stranger = make_url(url).set(password="guessed").render_as_string(hide_password=False)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            _connect(stranger)
        assert (private_folder / "password").stat().st_mode & 0o777 == 0o600


def test_a_failed_statement_leaves_no_value_in_the_log(private_folder: Path) -> None:
    """Error texts quote values, and a value can be an activation code."""
    canary = "1$smdp.example$CANARY"
    with run_postgres(private_folder) as url, _connect(url) as client:
        client.execute("CREATE TABLE items (code text UNIQUE)")
        client.execute("INSERT INTO items VALUES (%s)", [canary])
        client.commit()
        with pytest.raises(psycopg.errors.UniqueViolation):
            client.execute("INSERT INTO items VALUES (%s)", [canary])
        client.rollback()
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            client.execute(f"SELECT '{canary}'::int".encode())
    log = (private_folder / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "CANARY" not in log


def test_the_servers_of_a_killed_run_are_ended_before_the_next(private_folder: Path) -> None:
    """Orphans of a killed postmaster hold the shared memory; two servers must never meet."""
    server = Postgres(private_folder, free_port())
    server.prepare()
    command = server.command(private_folder / "postgres.log")
    process = spawn(command)
    wait_until(server.is_ready, process, command)
    with _connect(server.url) as client:
        backend = client.info.backend_pid
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    server.prepare()
    assert not (server.data / "postmaster.pid").exists()
    wait_until_gone(backend)
    again = spawn(command)
    try:
        wait_until(server.is_ready, again, command)
    finally:
        stop(again, command)


def test_another_programs_number_in_a_stale_pid_file_does_no_harm(private_folder: Path) -> None:
    """After a restart of the machine the number may belong to anything: to this test, say."""
    with run_postgres(private_folder):
        pass
    (private_folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    with run_postgres(private_folder) as url, _connect(url) as client:
        assert client.execute("SELECT 1").fetchone() == (1,)
