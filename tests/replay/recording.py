"""Stores the histories of tests that take a path worth keeping, unless it is stored already.

    .venv/bin/python -m pytest -p tests.replay.recording -m history

A new path is a test with `@pytest.mark.history("words-with-hyphens")` and its name in
`test_histories.py`. What is stored stays: see `record.py`.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from temporalio.client import Client

from tests.replay.record import HISTORIES, record
from workflows.messages import workflow_id


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Function) -> None:
    """Before the worker and its server go, fetch the history of the test's first order."""
    mark = item.get_closest_marker("history") if "temporal_client" in item.funcargs else None
    if mark is None or (HISTORIES / f"{mark.args[0]}.json").exists():
        return
    used: dict[str, Any] = item.funcargs
    address = used["temporal_client"].service_client.config.target_host
    work = _store(address, _first_order(used["database_url"]), *mark.args, **mark.kwargs)
    with ThreadPoolExecutor() as threads:  # pytest's own loop stands still, and is not ours
        print("stored", threads.submit(asyncio.run, work).result())  # noqa: T201 - a command


async def _store(address: str, order_id: int, name: str, *, first_run: bool = False) -> object:
    client = await Client.connect(address)
    return await record(client, workflow_id(order_id), name, first_run=first_run)


def _first_order(database_url: str) -> int:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        order_id: int = connection.scalar(text("SELECT min(order_id) FROM esim_profiles"))
    engine.dispose()
    return order_id
