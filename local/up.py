"""`./dev up`: the whole service on this machine, until Ctrl-C."""

import argparse
import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from domain.errors import Misconfigured
from local.children import REPOSITORY
from local.local_stack import DEFAULT_PORTS, LocalStack
from local.ports import PortClaims, free_port
from local.postgres import end_leftovers
from local.process import StackFault
from local.sandbox import PLAIN, TLS, sandbox_ports
from local.state import DEFAULT_DATA_DIR, DataFolder
from local.supervisor import Supervisor
from settings import ApiSettings, load


class Blueprint(Protocol):
    """A stack that can be started and described."""

    async def start(self, supervisor: Supervisor) -> None:
        """Start every child and wait until it answers."""

    def describe(self, pids: Mapping[str, int]) -> dict[str, Any]:
        """Write what stack.json says."""

    def greeting(self) -> str:
        """Write what the terminal says once everything answers."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; the exit code is 0 if everything came up."""
    options = _parse(arguments)
    folder = DataFolder(options.data_dir)
    os.chdir(REPOSITORY)  # as every child: a setting that names a file means the same to all
    try:
        folder.claim()
        asyncio.run(_run(folder, options))
    except (StackFault, Misconfigured) as fault:
        print(f"\n{fault}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(
            f"\n{error.filename} belongs to another user. Choose another --data-dir.",
            file=sys.stderr,
        )
        return 1
    finally:
        folder.release()
    return 0


async def _run(folder: DataFolder, options: argparse.Namespace) -> None:
    end_leftovers(folder.path / "postgres")
    if options.fresh:
        folder.clear()
    with PortClaims() as claims:
        stack = LocalStack(folder, _ports(folder, options, claims), options.workers, say)
        stack.check_settings()
        await serve(folder, stack)


async def serve(folder: DataFolder, stack: Blueprint) -> None:
    """Run a stack until told to stop; stack.json is there while it answers.

    Raises:
        StackFault: something did not start; holds the end of its log.
    """
    started_at = time.monotonic()
    folder.forget("stack.json")  # a killed supervisor's

    def describe() -> dict[str, Any]:
        """Describe the stack with the processes that it has now."""
        return stack.describe(supervisor.pids())

    def on_new_process() -> None:
        """Keep stack.json true after a restart of a child."""
        if folder.read("stack.json"):
            folder.write("stack.json", describe())

    async def start() -> None:
        """Start the stack, then tell programs and people where it is."""
        await stack.start(supervisor)
        folder.write("stack.json", describe())
        say(stack.greeting())
        say(f"READY after {time.monotonic() - started_at:.1f} s. Ctrl-C stops everything.")

    supervisor = Supervisor(say, on_new_process)
    try:
        await supervisor.run(start)
    finally:
        folder.forget("stack.json")


def _ports(folder: DataFolder, options: argparse.Namespace, claims: PortClaims) -> dict[str, int]:
    """Choose the ports of the last start, unless told otherwise or taken by now."""
    settings = load(ApiSettings)
    services = {**DEFAULT_PORTS, **sandbox_ports(options.sandbox)}
    earlier = folder.read("ports.json")
    wanted = {name: earlier.get(name, port) for name, port in services.items()}
    if "api_port" in settings.model_fields_set:
        wanted["api"] = settings.api_port
    if options.api_port is not None:
        wanted["api"] = options.api_port
    wanted["api"] = wanted["api"] or free_port()
    ports = claims.choose(wanted, say)
    folder.write("ports.json", {**earlier, **ports})
    return ports


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev up", description=__doc__)
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=DEFAULT_DATA_DIR,
        help="where this stack keeps everything (default: .esim beside ./dev)",
    )
    parser.add_argument(
        "--api-port", type=_between(0, 65_535), help="default 8000, or the last start's; 0: any"
    )
    parser.add_argument(
        "--workers", type=_between(1, 64), default=1, help="worker processes (default 1)"
    )
    parser.add_argument(
        "--sandbox",
        nargs="?",
        const=PLAIN,
        choices=[PLAIN, TLS],
        help="also run the provider sandbox and buy from it; tls: ES2+ by mutual TLS",
    )
    parser.add_argument("--fresh", action="store_true", help="delete this stack's data first")
    return parser.parse_args(arguments)


def _between(lowest: int, highest: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not lowest <= int(text) <= highest:
            raise argparse.ArgumentTypeError(f"must be between {lowest} and {highest}")
        return int(text)

    return number


def say(sentence: str) -> None:
    """Tell the terminal, at once; a terminal that is gone stops nothing."""
    with contextlib.suppress(OSError):
        print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
