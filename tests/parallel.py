"""Runs the tests in several processes that share one Postgres and one Temporal.

The process that hands out the tests starts the servers; the kernel ends them if it is killed. A
file's tests stay together, and so do those of a folder of `e2e`, which share a running stack. What
takes longest begins first.
"""

import json
import shlex
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from local.postgres import THROWAWAY, run_postgres
from local.temporal import run_temporal
from tests import databases

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

_START_SECONDS = 120
_SHOWN_FAILURES = 10
# The dearest begin first.
_DEAR = ("stack", "slow")
# Temporal, days that are skipped, and a process for each command.
_SLOW_FIXTURES = {"temporal_server", "environment", "fork", "program"}


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers of this run are."""

    postgres_url: str
    temporal_address: str


@contextmanager
def run_servers(folder: Path) -> Iterator[Servers]:
    """Start Postgres, with the template of every test's database, and Temporal."""
    with (
        run_temporal(folder / "temporal") as temporal,
        run_postgres(folder / "postgres", THROWAWAY) as postgres_url,
    ):
        databases.prepare(postgres_url)
        yield Servers(postgres_url, temporal.address)


# The process that hands out the tests


_FOLDER = pytest.StashKey[Path]()
_RUNNING = pytest.StashKey[ExitStack]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: "WorkerController") -> None:
    """Tell a worker where it will read about the servers."""
    stash = node.config.stash
    if _FOLDER not in stash:
        stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="esim-tests-"))
    node.workerinput["servers"] = str(stash[_FOLDER] / "servers.json")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Start the servers while the workers collect."""
    stash = session.config.stash
    if _FOLDER not in stash:
        return
    stash[_RUNNING] = ExitStack()
    servers = stash[_RUNNING].enter_context(run_servers(stash[_FOLDER]))
    draft = stash[_FOLDER] / "servers.new"
    draft.write_text(json.dumps(asdict(servers)))
    draft.rename(stash[_FOLDER] / "servers.json")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers, once no worker uses them."""
    if _RUNNING in config.stash:
        config.stash[_RUNNING].close()
    if _FOLDER in config.stash:
        shutil.rmtree(config.stash[_FOLDER], ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> LoadScopeScheduling:
    """Hand out whole files, in the order of the collection."""
    config.option.loadscopereorder = False
    return _ByFile(config, log)


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how to repeat each test that failed, alone and with the same seed."""
    failed = [
        report.nodeid
        for outcome in ("failed", "error")
        for report in terminalreporter.stats.get(outcome, [])
    ]
    seed = config.getoption("randomly_seed", None)
    order = "" if seed is None else f" --randomly-seed={seed}"
    if failed:
        terminalreporter.section("how to repeat it")
    for nodeid in failed[:_SHOWN_FAILURES]:
        terminalreporter.line(f"./dev test{order} {shlex.quote(nodeid)}")


# Every process that runs tests


@contextmanager
def servers_of(config: pytest.Config) -> Iterator[Servers]:
    """The servers of this run: those that the workers share, or our own."""
    workerinput: dict[str, Any] = getattr(config, "workerinput", {})
    if "servers" in workerinput:
        yield _read(Path(workerinput["servers"]))
        return
    folder = Path(tempfile.mkdtemp(prefix="esim-tests-"))
    try:
        with run_servers(folder) as servers:
            yield servers
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(file: Path) -> Servers:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            return Servers(**json.loads(file.read_text()))
        time.sleep(0.05)
    raise TimeoutError("The servers of this run have not started.")


def _scope(nodeid: str) -> str:
    """What must run in one process: a file, or a folder of `e2e`."""
    file = nodeid.partition("::")[0]
    return file.rpartition("/")[0] if "/e2e/" in file else file


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses, and after the files were shuffled
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no worker ends long after the others.

    What shares a running stack stays together. Files come in random order, the tests of one file in
    their own: those of a stack build on what it holds.
    """
    ranks: dict[str, int] = defaultdict(lambda: len(_DEAR) + 1)
    for item in items:
        scope = _scope(item.nodeid)
        rank = next((rank for rank, mark in enumerate(_DEAR) if item.get_closest_marker(mark)), 9)
        if _SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("slow")
            rank = min(rank, len(_DEAR))
        ranks[scope] = min(ranks[scope], rank)
    places = {scope: place for place, scope in enumerate(ranks)}
    items.sort(
        key=lambda item: (
            ranks[scope := _scope(item.nodeid)],
            places[scope],
            item.nodeid.partition("::")[0],
            item.location[1] or 0,
        )
    )
