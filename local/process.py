"""One child process: started so that it never outlives us, stopped within a known time."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

Process = subprocess.Popen[bytes]

_TAIL_BYTES = 16 * 1024
_PR_SET_PDEATHSIG = 1
# Loaded here, because a forked child must not load libraries before it execs.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class StackFault(Exception):
    """The stack cannot do what was asked; the message is written for the person who asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run, and how it must end.

    `uid` makes a root parent run the child as another user. `death_signal` is what the kernel
    sends when the parent dies without a word, `stop_signal` what we send when we stop in order,
    and after `patience_seconds` the child is killed.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    folder: Path | None = None
    uid: int | None = None
    death_signal: signal.Signals = signal.SIGKILL
    stop_signal: signal.Signals = signal.SIGTERM
    patience_seconds: float = 10


def spawn(command: Command, stdin: int = subprocess.DEVNULL) -> Process:
    """Start the child in a session of its own, so that Ctrl-C reaches the supervisor alone.

    Call it from the main thread: the kernel's death signal follows the thread that forked.

    Raises:
        StackFault: there is no such program, or we may not run it.
    """
    leash = _leash(command.uid, command.death_signal, os.getpid())
    with open_private(command.log) as log:
        try:
            return subprocess.Popen(  # noqa: S603 - our own programs
                list(command.argv),
                env=dict(command.env),
                cwd=command.folder,
                stdin=stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
                preexec_fn=leash,  # noqa: PLW1509 - system calls only
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise StackFault(f"cannot run {command.argv[0]}: {error}") from None


def _leash(uid: int | None, death_signal: int, parent: int) -> Callable[[], None]:
    """Tie the child to us, between fork and exec: system calls only."""

    def apply() -> None:
        if uid is not None:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
        if _LIBC is not None:
            # After setuid, which clears it.
            _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != parent:  # it died before we asked
                os._exit(1)

    return apply


def open_private(log: Path) -> BinaryIO:
    """Open a log for appending; only its owner may read it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def stop(process: Process, command: Command) -> None:
    """Ask the child to end, wait, then kill it. Harmless if it is gone."""
    if process.poll() is None:
        process.send_signal(command.stop_signal)
    try:
        process.wait(command.patience_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(
    ready: Callable[[], bool],
    process: Process,
    command: Command,
    timeout_seconds: float = 60,
) -> None:
    """Return once `ready` says so.

    Raises:
        StackFault: the process ended first or took too long; holds the end of its log.
    """
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise StackFault(f"{command.argv[0]} did not start:\n{tail(command.log)}")
        time.sleep(0.02)


def tail(log: Path, lines: int = 15) -> str:
    """Read the last lines of a log, for the terminal."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])


def how_it_ended(returncode: int) -> str:
    """Say how a process ended: `killed by SIGKILL` or `exit code 3`."""
    if returncode < 0:
        return f"killed by {signal.Signals(-returncode).name}"
    return f"exit code {returncode}"
