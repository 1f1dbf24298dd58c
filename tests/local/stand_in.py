"""A supervisor with stand-in children, in a process of its own: something to kill.

`python -m tests.local.stand_in FOLDER KIND...` serves one child per kind.
"""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.children import postgres
from local.keeper import Child
from local.loopback import answers
from local.ports import free_port
from local.postgres import Postgres
from local.process import Command, StackFault
from local.state import DataFolder
from local.supervisor import Supervisor
from local.up import say, serve

_DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""


class StandInStack:
    """Children named by their kind, started in the order given."""

    def __init__(self, folder: DataFolder, kinds: list[str]) -> None:
        self._folder = folder
        self._url = ""
        self._children = [self._child(kind) for kind in kinds]

    async def start(self, supervisor: Supervisor) -> None:
        """One after another."""
        for child in self._children:
            await supervisor.start(child)

    def describe(self, pids: Mapping[str, int]) -> dict[str, Any]:
        """What the tests look up."""
        return {"pids": dict(pids), "database_url": self._url}

    def greeting(self) -> str:
        """Anything."""
        return "Stand-ins answer."

    def _child(self, kind: str) -> Child:
        if kind == "postgres":
            server = Postgres(self._folder.path / "postgres", free_port())
            self._url = server.url
            return postgres(server, self._folder.logs)
        kinds = {"web": self._web, "deaf": self._deaf, "broken": self._broken, "brief": self._brief}
        return kinds[kind]()

    def _web(self) -> Child:
        """Answers over HTTP, ends on SIGTERM."""
        port = str(free_port())
        command = self._python("web", "-m", "http.server", port, "--bind", "127.0.0.1")
        return Child(
            name="web",
            command=command,
            is_ready=lambda _pid: answers(f"http://127.0.0.1:{port}/"),
        )

    def _deaf(self) -> Child:
        """Does not hear SIGTERM."""
        command = self._python("deaf", "-c", _DEAF)
        return Child(name="deaf", command=command, is_ready=lambda _pid: _said(command, "deaf"))

    def _broken(self) -> Child:
        """Ends at once, with a sentence."""
        command = self._python("broken", "-c", "raise SystemExit('ESIM_PROVIDER is wrong')")
        return Child(name="broken", command=command, is_ready=lambda _pid: False)

    def _brief(self) -> Child:
        """Answers, and ends at once, every time."""
        command = self._python("brief", "-c", "print('so long', flush=True)")
        return Child(name="brief", command=command, is_ready=lambda _pid: True)

    def _python(self, name: str, *arguments: str) -> Command:
        log = self._folder.logs / f"{name}.log"
        return Command(argv=[sys.executable, *arguments], env={}, log=log, patience_seconds=60)


def _said(command: Command, word: str) -> bool:
    return command.log.exists() and word in command.log.read_text()


def main() -> int:
    """As `./dev up` does, without its options."""
    folder = DataFolder(Path(sys.argv[1]))
    try:
        folder.claim()
        asyncio.run(serve(folder, StandInStack(folder, sys.argv[2:])))
    except StackFault as fault:
        say(fault.args[0])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
