"""A supervisor in a process of its own, seen as a person sees it: its terminal and its files."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_GONE_WITHIN_SECONDS = 30


class RunningStack:
    """What the tests ask of it. Waiting means reading its terminal, so nothing here sleeps."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.said: list[str] = []

    def wait_for(self, words: str) -> str:
        """The first line, from here on, that holds these words."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError(f"it never said {words!r}, but: {''.join(self.said)}")

    def description(self) -> dict[str, Any]:
        """What stack.json says now."""
        content: dict[str, Any] = json.loads((self.folder / "stack.json").read_text())
        return content

    def pid(self, name: str) -> int:
        """The (first) process of that name now."""
        pids = self.description()["pids"][name]
        return int(pids[0] if isinstance(pids, list) else pids)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the supervisor alone."""
        self.process.send_signal(number)

    def exit_code(self) -> int:
        """How it ended; reads its terminal to the end."""
        self.said.extend(self.process.stdout or ())
        return self.process.wait()


@contextmanager
def running(
    folder: Path, *arguments: str, module: str, env: Mapping[str, str] | None = None
) -> Iterator[RunningStack]:
    """Run a supervisor until the block ends, whatever happens in it."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            yield RunningStack(process, folder)
        finally:
            process.kill()  # and with it, by the kernel's death signal, every child


@contextmanager
def stand_ins(folder: Path, *kinds: str) -> Iterator[RunningStack]:
    """A running supervisor whose stand-in children all answer."""
    with running(folder, str(folder), *kinds, module="tests.local.stand_in") as stack:
        stack.wait_for("READY")
        yield stack


def wait_until_gone(*pids: int) -> None:
    """Wait for processes to end, whoever started them."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with os.fdopen(handle) as ending:
            ready, _, _ = select.select([ending], [], [], _GONE_WITHIN_SECONDS)
        assert ready, f"process {pid} is still there"
