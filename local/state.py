"""What a stack keeps in its data folder, and who may use it. Standard library only: `dev` reads it.

- lock: held by the one supervisor; holds its pid
- ports.json: chosen once, so that a restart keeps them
- environment.json: every variable of the children (secrets: 0600)
- stack.json: where everything is, while it runs (the database's password: 0600)
- postgres, temporal, sandbox, logs: one folder each
"""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.process import StackFault

DEFAULT_DATA_DIR = Path(__file__).resolve().parents[1] / ".esim"

_STATE = frozenset({"lock", "ports.json", "environment.json", "stack.json"})
_OURS = _STATE | {"postgres", "temporal", "sandbox", "logs"}


class DataFolder:
    """One stack's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.logs = self.path / "logs"
        self._lock: int | None = None

    def claim(self) -> None:
        """Make the folder if needed and hold it until this process ends.

        Raises:
            StackFault: another supervisor holds it, or it is not ours to write.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StackFault(
                f"Cannot use {self.path}: {error.strerror}. Choose another --data-dir."
            ) from None
        if not _hold(lock):
            os.close(lock)
            raise StackFault(
                f"Another ./dev up (pid {self._pid()}) is using {self.path}. "
                "Stop it with ./dev down, or choose another --data-dir."
            )
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock

    def release(self) -> None:
        """Let another supervisor have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def supervisor(self) -> int | None:
        """Find the pid of the supervisor that holds the folder now, if there is one."""
        try:
            lock = os.open(self.path / "lock", os.O_RDONLY)
        except OSError:
            return None
        try:
            # Shared: two visitors must not take each other for a supervisor.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._pid()
        finally:
            os.close(lock)
        return None

    def clear(self) -> None:
        """Delete what the stack keeps here; call it while holding the folder.

        Raises:
            StackFault: there is something else in the folder.
        """
        names = {entry.name for entry in self.path.iterdir()}
        foreign = names - _OURS
        if names > {"lock"} and "ports.json" not in names:  # the first thing a stack writes
            foreign = names - {"lock"}
        if foreign:
            raise StackFault(
                f"{self.path} holds things that are not ours ({', '.join(sorted(foreign)[:5])}), "
                "so --fresh deletes nothing. Choose another --data-dir."
            )
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()

    def read(self, name: str) -> dict[str, Any]:
        """Read a JSON file; empty if there is none."""
        try:
            content: dict[str, Any] = json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return {}
        return content

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file at once, for its owner alone (0600)."""
        self.logs.mkdir(mode=0o700, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=self.logs, prefix=f"{name}.")
        with os.fdopen(handle, "w") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        Path(draft).replace(self.path / name)

    def forget(self, name: str) -> None:
        """Remove a JSON file, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def _pid(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            return int((self.path / "lock").read_text())
        return 0


def _hold(lock: int, timeout_seconds: float = 1) -> bool:
    """Take the lock if it is free; others may look at it for a moment."""
    give_up = time.monotonic() + timeout_seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                return False
            time.sleep(0.05)
        else:
            return True
