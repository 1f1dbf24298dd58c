"""Who runs in the race: our workflow, its two rivals, and ours again by way of the API."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any

import httpx
from temporalio.client import Client

from domain.profile import ProfileStatus
from tests.bench.costs import CLIENT
from tests.bench.no_op import NO_OP_PATH, NO_OP_QUEUE
from tests.bench.shop import Shop
from tests.bench.throughput import Contender
from workflows.client import Activations
from workflows.messages import ActivationResult, workflow_id

NO_OP = "no-op workflow"
STOCK = "stock hit"
NORMAL = "normal activities"
HTTP = "stock hit by HTTP"
NO_OP_HTTP = "no-op workflow by HTTP"

BASES = {STOCK: NO_OP, NORMAL: NO_OP, HTTP: NO_OP_HTTP}
"""What each is compared with: the same way to an engine that has nothing to do."""

QUEUE = "bench"
NORMAL_QUEUE = "bench-normal"

WORKER = "worker"
NORMAL_WORKER = "normal"
NO_OP_WORKER = "no-op"

API = "api"

# What every contender uses beside its worker.
_SHARED = ("temporal", "postgres", CLIENT)


def no_op(client: Client) -> Contender:
    """Start and result of a workflow that does nothing."""

    async def one(number: int) -> None:
        handle: Any = await client.start_workflow(
            "NoOpWorkflow", number, id=f"no-op-{number}", task_queue=NO_OP_QUEUE
        )
        await handle.result()

    return Contender(NO_OP, (NO_OP_WORKER, *_SHARED), one, _numbers())


def no_op_by_http(http: httpx.AsyncClient) -> Contender:
    """The same by a POST to the real API, past the same doors as ours."""

    async def one(number: int) -> None:
        answer = await http.post(NO_OP_PATH, json={"order_id": number})
        answer.raise_for_status()

    return Contender(NO_OP_HTTP, (NO_OP_WORKER, *_SHARED, API), one, _numbers())


def stock(client: Client, shop: Shop) -> Contender:
    """Start and result of our workflow."""
    one = _start_and_result(client, QUEUE)
    return Contender(STOCK, (WORKER, *_SHARED), one, shop.paid_orders)


def normal(client: Client, shop: Shop) -> Contender:
    """The same steps as normal activities."""
    one = _start_and_result(client, NORMAL_QUEUE)
    return Contender(NORMAL, (NORMAL_WORKER, *_SHARED), one, shop.paid_orders)


def by_http(http: httpx.AsyncClient, shop: Shop) -> Contender:
    """Our workflow by `POST /api/esims/activate`."""

    async def one(order_id: int) -> None:
        answer = await http.post("/api/esims/activate", json={"order_id": order_id})
        if answer.status_code != httpx.codes.OK or answer.json()["status"] != "activated":
            raise RuntimeError(f"activation by HTTP gave {answer.status_code}")

    return Contender(HTTP, (WORKER, *_SHARED, API), one, shop.paid_orders)


def _numbers() -> Callable[[int], Awaitable[Sequence[int]]]:
    """Nothing is ordered: a number is enough."""
    numbers = count(1)

    async def orders(wanted: int) -> Sequence[int]:
        return [next(numbers) for _ in range(wanted)]

    return orders


def _start_and_result(client: Client, task_queue: str) -> Callable[[int], Awaitable[None]]:
    activations = Activations(client, task_queue)

    async def one(order_id: int) -> None:
        await activations.start(order_id)
        handle = client.get_workflow_handle(workflow_id(order_id), result_type=ActivationResult)
        result = await handle.result()
        if result.status is not ProfileStatus.ACTIVATED or result.item_id is None:
            raise RuntimeError(f"the activation of order {order_id} ended as {result.status}")

    return one
