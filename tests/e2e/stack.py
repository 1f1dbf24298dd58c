"""The real local stack, started and spoken to as a user does."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine
from local.ports import free_port
from tests.rows import rows

ROOT = Path(__file__).parents[2]
START_SECONDS = 180
FINISH_SECONDS = 120
# One customer buys what a hundred would, from stand-ins.
_HURRIED = {
    "RATE_LIMIT_PER_MINUTE": "100000",
    "ORDERS_PER_MINUTE_PER_USER": "100000",
    "ACTIVATION_WAITS_PER_USER": "1000",
    "ACTIVATION_WAITS_PER_ORDER": "1000",
    "NOTHING_REAL_IS_SOLD": "true",
}


class Stack:
    """One running `./dev up`."""

    def __init__(self, folder: Path, engine: AsyncEngine) -> None:
        self.folder = folder
        self.engine = engine

    @property
    def description(self) -> dict[str, Any]:
        """stack.json as it is now; the supervisor rewrites it when a child comes back."""
        described: dict[str, Any] = json.loads((self.folder / "stack.json").read_text())
        return described

    @property
    def api_url(self) -> str:
        """Where the API is."""
        return str(self.description["api_url"])

    def kill(self, child: str, number: int = signal.SIGKILL) -> None:
        """Signal a child; `worker` and `api` are lists, of which the first is meant."""
        pid = self.description["pids"][child]
        os.kill(pid[0] if isinstance(pid, list) else pid, number)

    async def esimctl(self, *arguments: str) -> str:
        """Run the command line against this stack; its standard output."""
        process = await asyncio.create_subprocess_exec(
            str(ROOT / "dev"),
            "esimctl",
            "--data-dir",
            str(self.folder),
            *arguments,
            stdout=subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return output.decode().strip()

    async def ready(self) -> None:
        """Until the API answers again, Postgres and Temporal behind it."""
        async with asyncio.timeout(FINISH_SECONDS), httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"{self.api_url}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass  # it is not up yet
                await asyncio.sleep(0.1)

    async def customer(self, email: str = "ana@example.com") -> "Customer":
        """Somebody with a token."""
        return Customer(self, await self.esimctl("token", "--email", email))

    async def settled(self, order_ids: list[int]) -> list[Mapping[str, Any]]:
        """Every profile, once none of them is on its way any more."""
        async with asyncio.timeout(FINISH_SECONDS):
            while True:
                found = await self._profiles(order_ids)
                if found and all(row["status"] in {"ACTIVATED", "CANCELLED"} for row in found):
                    return found
                await asyncio.sleep(0.2)

    async def _profiles(self, order_ids: list[int]) -> list[Mapping[str, Any]]:
        query = "SELECT * FROM esim_profiles WHERE order_id = ANY(:ids) ORDER BY order_id"
        try:
            return await rows(self.engine, query, ids=order_ids)
        except Exception:  # noqa: BLE001 - Postgres may be just what was killed
            return []


class Customer:
    """A shop's customer, over HTTP."""

    def __init__(self, stack: Stack, token: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=stack.api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            limits=httpx.Limits(max_connections=300),
        )

    async def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """One POST."""
        return await self._client.post(path, json=body, headers=headers)

    async def get(self, path: str) -> httpx.Response:
        """One GET."""
        return await self._client.get(path)

    async def leave(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def buy(self, plan_id: int) -> int:
        """A paid order."""
        order = await self.post("/api/orders", {"plan_id": plan_id})
        assert order.status_code == 200, order.text
        order_id = int(order.json()["id"])
        payment = await self.post("/api/payments/create", {"order_id": order_id})
        assert payment.status_code == 200, payment.text
        intent_id = payment.json()["intent_id"]
        await self.settle(intent_id, "succeeded")
        return order_id

    async def settle(self, intent_id: str, status: str) -> None:
        """What the payment provider reports."""
        body = {"provider": "MOCK", "intent_id": intent_id, "status": status}
        answer = await self.post("/api/payments/webhook", body)
        assert answer.status_code == 200, answer.text

    async def activate(self, order_id: int, **headers: str) -> httpx.Response:
        """Ask for the eSIM."""
        return await self.post("/api/esims/activate", {"order_id": order_id}, **headers)


@asynccontextmanager
async def running_stack(folder: Path, *, workers: int = 1, **settings: str) -> AsyncIterator[Stack]:
    """`./dev up` with so many workers and these settings, until the block ends."""
    log = (folder.parent / f"{folder.name}.log").open("w")
    process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
        [
            *(ROOT / "dev", "up", "--data-dir", folder, "--api-port", str(free_port())),
            *("--workers", str(workers)),
        ],
        stdout=log,
        stderr=subprocess.STDOUT,
        env=os.environ | _HURRIED | settings,
    )
    try:
        await _ready(Path(log.name), process)
        engine = create_engine(json.loads((folder / "stack.json").read_text())["database_url"])
        yield Stack(folder, engine)
        await engine.dispose()
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 60)
        log.close()


async def _ready(log: Path, process: "subprocess.Popen[bytes]") -> None:
    async with asyncio.timeout(START_SECONDS):
        while not any(line.startswith("READY") for line in log.read_text().splitlines()):
            assert process.poll() is None, log.read_text()
            await asyncio.sleep(0.1)
