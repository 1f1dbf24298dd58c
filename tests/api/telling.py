"""How a provider tells the API something, and what came of it."""

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from tests.notices import Shouter, Signer, signature
from tests.rows import rows
from workflows import messages

PATH = "/api/webhooks/SIGNER"
ES2PLUS = "/gsma/rsp2/es2plus/handleDownloadProgressInfo"
READERS = {reader.name: reader for reader in (Signer(), Shouter())}


async def tell(
    client: httpx.AsyncClient, body: bytes, path: str = PATH, **headers: str
) -> httpx.Response:
    """A genuine notification."""
    given = {"x-signature": signature(body), "content-type": "application/json"} | headers
    return await client.post(path, content=body, headers=given)


def ready(event_id: str = "e-1", provider_order_id: str = "P-1") -> dict[str, object]:
    """The provider has delivered."""
    return {"kind": "order_ready", "event_id": event_id, "provider_order_id": provider_order_id}


def failed(event_id: str = "e-2") -> dict[str, object]:
    """The provider will not deliver."""
    return {"kind": "order_failed", "event_id": event_id, "provider_order_id": "P-1"}


async def stored(engine: AsyncEngine) -> list[tuple[str, int | None]]:
    """The inbox: event and order."""
    found = await rows(engine, "SELECT event_id, order_id FROM provider_webhooks ORDER BY id")
    return [(row["event_id"], row["order_id"]) for row in found]


async def notes(engine: AsyncEngine) -> list[str]:
    """The kinds of notification in the audit trail."""
    found = await rows(
        engine,
        "SELECT payload ->> 'kind' AS kind FROM esim_provisioning_events"
        " WHERE kind = 'provider_notified' ORDER BY id",
    )
    return [row["kind"] for row in found]


async def signals(client: Client, order_id: int) -> list[str]:
    """What the order's activation was told."""
    history = await client.get_workflow_handle(messages.workflow_id(order_id)).fetch_history()
    return [
        event.workflow_execution_signaled_event_attributes.signal_name
        for event in history.events
        if event.HasField("workflow_execution_signaled_event_attributes")
    ]
