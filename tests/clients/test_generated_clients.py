"""Two generators of clients make one of every operation, and what they make activates an order."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.tokens import token
from tests.clients.conftest import install, operations, run
from tests.rows import PLAN_ID, stock_item, value

HERE = Path(__file__).parent

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("worker")]


async def _activated(engine: AsyncEngine, printed: str) -> None:
    esim = json.loads(printed)
    assert (esim["kind"], esim["status"]) == ("esim", "activated")
    assert esim["activation_code"]
    assert await value(engine, "SELECT order_id FROM esim_inventory") == esim["order_id"]


async def test_a_python_client_activates_an_order(
    api_url: str, engine: AsyncEngine, document: Path, tmp_path: Path
) -> None:
    """openapi-python-client, without a warning; a problem's code is one of its enum."""
    await stock_item(engine)
    tool, ours = tmp_path / "tool", HERE / "python"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes"]
    install([*pip, "--target", tool, "-r", ours / "requirements.lock"])
    await run(
        *(sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"),
        *("--path", document, "--config", ours / "generator.yml"),
        *("--meta", "none", "--output-path", tmp_path / "esim_client"),
        folder=tmp_path,
        PYTHONPATH=str(tool),
    )
    made = {path.stem for path in (tmp_path / "esim_client" / "api").rglob("*.py")}
    assert set(operations(document)) <= made
    printed = await run(
        *(sys.executable, ours / "shop.py", api_url, token(), PLAN_ID),
        folder=tmp_path,
        PYTHONPATH=f"{tmp_path}:{tool}",
    )
    await _activated(engine, printed)


async def test_a_typescript_client_activates_an_order(
    api_url: str, engine: AsyncEngine, document: Path, tmp_path: Path
) -> None:
    """openapi-typescript; its types alone tell a 200 from a 202, and compile as strict."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm")
    await stock_item(engine)
    folder = tmp_path / "shop"
    shutil.copytree(HERE / "typescript", folder)
    install(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--prefix", folder])
    bin_ = folder / "node_modules" / ".bin"
    await run(bin_ / "openapi-typescript", document, "-o", "api.d.ts", folder=folder)
    made = set(re.findall(r"operations\[\"(\w+)\"\]", (folder / "api.d.ts").read_text()))
    assert made == set(operations(document))
    await run(bin_ / "tsc", folder=folder)
    await _activated(engine, await run("node", "shop.js", api_url, token(), PLAN_ID, folder=folder))
