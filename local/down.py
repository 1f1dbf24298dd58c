"""`./dev down`: stop the stack that another terminal runs, and wait until it is gone."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from local.state import DEFAULT_DATA_DIR, DataFolder

# The worker's graceful shutdown (25 s by default), and a little for the others.
_PATIENCE_SECONDS = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Stop the stack; the exit code is 0 if nothing runs now."""
    parser = argparse.ArgumentParser(prog="./dev down", description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DATA_DIR)
    folder = DataFolder(parser.parse_args(arguments).data_dir)
    supervisor = folder.supervisor()
    if not supervisor:
        print(f"Nothing runs in {folder.path}.")
        return 0
    print(f"Stopping the stack in {folder.path} (pid {supervisor}) ...", flush=True)
    os.kill(supervisor, signal.SIGTERM)
    if not _is_gone(folder):
        print(f"It still runs after {_PATIENCE_SECONDS} s.", file=sys.stderr)
        return 1
    return 0


def _is_gone(folder: DataFolder) -> bool:
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while folder.supervisor() is not None:
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True


if __name__ == "__main__":
    sys.exit(main())
