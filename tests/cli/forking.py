"""Runs the program in processes forked from one that has imported it already.

Importing takes a second and more, and the tests run some hundred commands. Everything else is
as with `python -m cli`: a process, an environment and an exit code of its own.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = "cli"
_PATIENCE_SECONDS = 90


@dataclass
class Fork:
    """The process that forks, and where commands leave what they print."""

    process: subprocess.Popen[str]
    folder: Path
    turn: threading.Lock = field(default_factory=threading.Lock)

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command."""
        printed = [self.folder / name for name in ("out", "err")]
        command = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "printed": [str(path) for path in printed],
        }
        with self.turn:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            code = int(self.process.stdout.readline())
            out, err = (path.read_text(encoding="utf-8") for path in printed)
        return code, out, err


@contextmanager
def forking(folder: Path, environment: Mapping[str, str], program: str = PROGRAM) -> Iterator[Fork]:
    """The process, ended when its stdin is closed."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cli.forking", program],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Fork(process, folder)


def _serve(program: str) -> None:
    __import__(f"{program}.__main__")
    del sys.modules[f"{program}.__main__"]  # each command executes it anew
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(program, **json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(
    program: str, arguments: list[str], environment: dict[str, str], printed: list[str]
) -> None:
    """Be the command, in this process; never returns."""
    try:
        signal.alarm(_PATIENCE_SECONDS)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor, path in enumerate(printed, start=1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [program, *arguments]
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    except SystemExit as leaving:
        sys.stdout.flush()
        os._exit(int(leaving.code or 0))
    finally:
        os._exit(70)  # the program ends by itself: this must not go on serving


if __name__ == "__main__":
    _serve(sys.argv[1])
