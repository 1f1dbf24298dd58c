"""Where a stack's provider sandbox is, and what it is started with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.adapter_variables import adapter_variables
from sandbox.sandbox import base_urls

PLAIN, TLS = "plain", "tls"
DEFAULT_SANDBOX_PORTS: Final = {"sandbox": 8600, "sandbox_tls": 8650}


@dataclass(frozen=True, slots=True)
class SandboxAddress:
    """One sandbox of one stack; without `tls_port` ES2+ is plain HTTP."""

    folder: Path
    port: int
    tls_port: int | None = None

    @property
    def url(self) -> str:
        """Where its control API is, below `/_sandbox`."""
        return f"http://127.0.0.1:{self.port}"

    def variables(self) -> dict[str, str]:
        """Return the variables that point every adapter, and `esimctl sandbox`, here."""
        urls = base_urls(self.port, self.tls_port)
        tls = self.tls_port is not None
        adapters = adapter_variables(urls, self.folder, tls=tls)
        return {**adapters, "ESIM_SANDBOX_URL": self.url}

    def serve_arguments(self, api_url: str) -> list[str]:
        """Return the arguments of `python -m sandbox` that start it."""
        where = ["--folder", str(self.folder), "--port", str(self.port)]
        tls = [] if self.tls_port is None else ["--tls", "--tls-port", str(self.tls_port)]
        return ["serve", *where, *tls, "--webhooks-to", api_url]


def sandbox_ports(kind: str | None) -> dict[str, int]:
    """List the ports that a sandbox of this kind wants; none without a sandbox."""
    if kind is None:
        return {}
    names = ["sandbox", "sandbox_tls"] if kind == TLS else ["sandbox"]
    return {name: DEFAULT_SANDBOX_PORTS[name] for name in names}


def sandbox_address(folder: Path, ports: Mapping[str, int]) -> SandboxAddress | None:
    """Find the sandbox on these ports; None if there is none."""
    if "sandbox" not in ports:
        return None
    return SandboxAddress(folder / "sandbox", ports["sandbox"], ports.get("sandbox_tls"))
