"""The real app on a real server: uvicorn in a thread, on a port of its own."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from api.app import AppSettings, build_app
from api.http.protocol import taking_at_most
from settings import ApiSettings, AuthSettings, DatabaseSettings, TemporalSettings

JWT_SECRET = "a-secret-of-tests-that-is-long-enough-for-HS512-which-wants-64-bytes"
_PATIENCE_SECONDS = 20


def app_settings(
    database_url: str,
    temporal_address: str,
    task_queue: str = "nobody-listens",
    **api: object,
) -> AppSettings:
    """Settings of an app; keywords are fields of `ApiSettings`."""
    fast = {
        "rate_limit_per_minute": 100_000,
        "orders_per_minute_per_user": 100_000,
        "event_streams_per_user": 100,
        "event_streams_per_order": 100,
        "activation_nudge_cooldown_seconds": 0.001,
    }
    return AppSettings(
        api=ApiSettings.model_validate(fast | api),
        auth=AuthSettings(jwt_secret=SecretStr(JWT_SECRET), access_cache_seconds=0),
        database=DatabaseSettings(database_url=SecretStr(database_url)),
        temporal=TemporalSettings(
            temporal_address=temporal_address, temporal_task_queue=task_queue
        ),
    )


@contextmanager
def serving(what: AppSettings | FastAPI, *, head_seconds: float = 10) -> Iterator[str]:
    """Serve an app; gives its address."""
    app = what if isinstance(what, FastAPI) else build_app(what)
    config = uvicorn.Config(
        app,
        port=0,
        http=taking_at_most(head_seconds),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{_port(server, thread)}"
    finally:
        server.should_exit = True
        thread.join(_PATIENCE_SECONDS)


def _port(server: uvicorn.Server, thread: threading.Thread) -> int:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server took too long to start"
        thread.join(0.005)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port
