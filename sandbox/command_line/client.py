"""How the commands talk to a running sandbox."""

from collections.abc import Mapping
from typing import Annotated, Any

import httpx
import typer

from sandbox.faults import SandboxFault

DEFAULT_URL = "http://127.0.0.1:8600"
_TIMEOUT_SECONDS = 30.0

SandboxUrl = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="ESIM_SANDBOX_URL",
        show_default=False,
        help=f"Where the sandbox is; default {DEFAULT_URL}.",
    ),
]


class SandboxUnavailable(SandboxFault):
    """No sandbox answers there."""


def ask(
    url: str | None,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    query: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Call the control API of a running sandbox once.

    Raises:
        SandboxFault: it refuses; in its own words.
        SandboxUnavailable: none answers there.
    """
    at = (url or DEFAULT_URL).rstrip("/")
    nobody = SandboxUnavailable(
        f"No sandbox answers at {at}. Start one: ./dev up --sandbox, or esimctl sandbox serve."
    )
    try:
        answer = httpx.request(
            method,
            f"{at}/_sandbox{path}",
            json=body,
            params=query,
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
        )
        told = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        raise nobody from None
    if not isinstance(told, dict):
        raise nobody
    if answer.is_client_error:
        raise SandboxFault(str(told.get("error", answer.status_code)))
    return told
