"""`esimctl sandbox serve`: a sandbox in the foreground, until Ctrl-C."""

import asyncio
import shlex
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sandbox.adapter_variables import adapter_variables
from sandbox.command_line.printing import note, say
from sandbox.faults import SandboxFault
from sandbox.running import running_sandbox
from sandbox.sandbox import PROVIDERS, Sandbox, base_urls
from sandbox.settings import SandboxSettings

EXAMPLE = "Example: esimctl sandbox serve --folder /tmp/sandbox --seed 7 --rate 0.2"

_Port = Annotated[int, typer.Option(min=0, max=65_535, help="0 for any free one.")]


@dataclass(frozen=True, slots=True)
class _Wishes:
    folder: Path
    port: int
    tls: bool
    tls_port: int
    settings: SandboxSettings
    webhooks_to: str | None
    deduplicate: list[str]


def serve(
    folder: Annotated[Path, typer.Option(help="Where the ledger is kept.")],
    port: _Port = 8600,
    tls: Annotated[bool, typer.Option("--tls", help="ES2+ demands client certificates.")] = False,
    tls_port: _Port = 0,
    seed: Annotated[int | None, typer.Option(help="Misbehave by chance, repeatably.")] = None,
    rate: Annotated[float, typer.Option(min=0, max=1, help="How often, with a seed.")] = 0.2,
    webhooks_to: Annotated[
        str | None, typer.Option(help="The API that takes webhooks at /api/webhooks.")
    ] = None,
    deduplicate: Annotated[
        list[str] | None,
        typer.Option(help="A provider that knows a reference again; may be given several times."),
    ] = None,
) -> None:
    """Be ConnectedYou, Airalo, eSIM Access and an SM-DP+ until Ctrl-C. Needs no database."""
    if unknown := set(deduplicate or []) - set(PROVIDERS):
        raise SandboxFault(f"--deduplicate {unknown.pop()}: it must be one of {_KNOWN}.")
    settings = SandboxSettings(seed=seed, rate=rate)
    wishes = _Wishes(folder, port, tls, tls_port, settings, webhooks_to, deduplicate or [])
    asyncio.run(_run(wishes))


_KNOWN = ", ".join(PROVIDERS)


async def _run(wishes: _Wishes) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = running_sandbox(
        wishes.folder,
        port=wishes.port,
        tls=wishes.tls,
        tls_port=wishes.tls_port,
        settings=wishes.settings,
    )
    async with running as sandbox:
        sandbox.deduplicates |= dict.fromkeys(wishes.deduplicate, True)
        if wishes.webhooks_to:
            sandbox.send_webhooks_to(wishes.webhooks_to)
        _tell(sandbox)
        await stop.wait()


def _tell(sandbox: Sandbox) -> None:
    """Print the variables on stdout, to be pasted or sourced; all about them on stderr."""
    urls = base_urls(sandbox.port, sandbox.tls_port)
    tls = sandbox.tls_port is not None
    variables = adapter_variables(urls, sandbox.folder.resolve(), tls=tls)
    variables["ESIM_SANDBOX_URL"] = sandbox.url
    for name, value in variables.items():
        say(f"export {name}={shlex.quote(value)}")
    note(f"Rules, ledger and calls: {sandbox.url}/_sandbox; the ledger is {sandbox.ledger.path}")
    note("READY. Paste the lines above where the service starts. Ctrl-C stops the sandbox.")
