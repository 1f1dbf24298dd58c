"""What processes cost: CPU seconds used, and the most memory they ever held."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil

CLIENT = "client"
"""The benchmark itself: it starts, waits and counts."""

_BYTES_PER_KB = 1024
_NS_PER_MS = 1_000_000
BYTES_PER_MB = 1_000_000

Snapshot = Mapping[str, float]


class Meter:
    """Reads the processes of a stack, whichever run at the moment."""

    def __init__(self, processes: Callable[[], Mapping[str, psutil.Process]]) -> None:
        self._processes = processes
        self._peaks: dict[str, float] = {}

    def cpu_seconds(self) -> Snapshot:
        """CPU used so far by every process and its children, and by ourselves."""
        used = {name: _cpu_of_tree(process) for name, process in self._processes().items()}
        return {**used, CLIENT: time.process_time()}

    def note_memory(self) -> None:
        """Keep the peaks of what runs now; call it before a process is stopped."""
        for name, process in self._processes().items():
            peak = _proportional_bytes(process) if process.children() else _peak_bytes(process.pid)
            self._peaks[name] = max(self._peaks.get(name, 0), peak / BYTES_PER_MB)

    def peaks_mb(self) -> Mapping[str, float]:
        """The highest figures of `note_memory` by process.

        One process: its peak resident size. Several with shared memory (Postgres): the sum of
        their proportional shares when it was read.
        """
        return dict(self._peaks)


def used_between(before: Snapshot, after: Snapshot) -> Snapshot:
    """CPU seconds by process."""
    return {name: after[name] - before[name] for name in after if name in before}


def cpu_ms_of(pids: Iterable[int]) -> float:
    """CPU milliseconds that these processes have used so far, to the microsecond."""
    return sum(map(_run_time_ns, pids)) / _NS_PER_MS


def _run_time_ns(pid: int) -> int:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def resident_mb(process: psutil.Process) -> float:
    """What it holds now."""
    return float(process.memory_info().rss / BYTES_PER_MB)


def peak_mb(process: psutil.Process) -> float:
    """The most it ever held."""
    return _peak_bytes(process.pid) / BYTES_PER_MB


def _cpu_of_tree(process: psutil.Process) -> float:
    """Of a process, its living descendants, and those that ended and were waited for."""
    return sum(map(_cpu_seconds, [process, *process.children(recursive=True)]))


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.NoSuchProcess:  # it has just ended: a passing helper of Postgres
        return 0
    return float(used.user + used.system + used.children_user + used.children_system)


def _peak_bytes(pid: int) -> int:
    return _kilobytes(Path(f"/proc/{pid}/status"), "VmHWM:") * _BYTES_PER_KB


def _proportional_bytes(process: psutil.Process) -> int:
    pids = [process.pid, *(child.pid for child in process.children(recursive=True))]
    return (
        sum(_kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") for pid in pids) * _BYTES_PER_KB
    )


def _kilobytes(file: Path, field: str) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:  # its process has just ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)
