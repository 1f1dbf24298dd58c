"""`python -m api`: the HTTP API behind a server with limits."""

import resource
import sys

import uvicorn

from api.http.protocol import taking_at_most
from domain.errors import Misconfigured
from settings import ApiSettings, load

# An open event stream would hold a process that is to end: it is closed after this.
_LEAVING_SECONDS = 3
# Connections to Postgres and Temporal, logs, libraries.
_OTHER_FILES = 200


def configuration(settings: ApiSettings, app: str) -> uvicorn.Config:
    """Describe the server: where it listens, and how much it takes from whom."""
    return uvicorn.Config(
        app,
        factory=True,
        host=settings.api_host,
        port=settings.api_port,
        http=taking_at_most(settings.api_head_seconds),
        ws="none",
        limit_concurrency=settings.api_max_connections,
        timeout_graceful_shutdown=_LEAVING_SECONDS,
    )


def allow_open_files(connections: int) -> None:
    """Raise this process's limit of open files to what so many connections need, if it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if resource.RLIM_INFINITY != soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def main(app: str = "api.app:create_app") -> int:
    """Serve until told to stop; `app` names what makes the application."""
    try:
        settings = load(ApiSettings)
        allow_open_files(settings.api_max_connections)
        server = uvicorn.Server(configuration(settings, app))
        server.run()
    except Misconfigured as fault:
        print(f"api: {fault.message}", file=sys.stderr)  # noqa: T201 - may precede logging
        return 1
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
