"""The served API with stock and a worker, its document, and programs that generate clients."""

import asyncio
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from api.app import AppSettings, build_app
from tests.api.conftest import api_url, settings

__all__ = ["api_url", "settings"]

_PATIENCE_SECONDS = 240


@pytest.fixture
def document(settings: AppSettings, tmp_path: Path) -> Path:
    """What generators read."""
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(build_app(settings).openapi()))
    return path


def install(program: Sequence[object]) -> None:
    """Install a generator, or leave the test out where its packages cannot be reached.

    In CI nothing is left out.
    """
    done = subprocess.run(
        [*map(str, program)], capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
    )
    if done.returncode and "CI" not in os.environ:
        pytest.skip(f"{program[0]} could not install the generator: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr


async def run(*program: object, folder: Path, **variables: str) -> str:
    """Run a program beside the worker; gives what it printed."""
    process = await asyncio.create_subprocess_exec(
        *map(str, program),
        cwd=folder,
        env=os.environ | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), _PATIENCE_SECONDS)
    assert process.returncode == 0, f"{out.decode()}\n{err.decode()}"
    return out.decode()


def operations(document: Path) -> list[str]:
    """The name of every operation."""
    paths: dict[str, dict[str, Any]] = json.loads(document.read_text())["paths"]
    return [operation["operationId"] for path in paths.values() for operation in path.values()]
