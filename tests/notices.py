"""Providers made up for tests of what providers tell, and the purchases that they speak of."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from db import notices as inbox
from db.engine import transaction
from domain.errors import NoticeRefused
from domain.notice import Notice, NoticeKind, Receipt
from tests.rows import rows

KEY = b"canary-key-of-the-signer"


class Signer:
    """Reads `{"status": ..., "notices": [...]}`, signed by HMAC-SHA256 in `x-signature`."""

    name = "SIGNER"
    trusted = True

    def read(self, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Check, then read."""
        given = headers.get("x-signature", "").encode()
        if self.trusted and not hmac.compare_digest(given, signature(body).encode()):
            raise NoticeRefused("Not signed.")
        try:
            told = json.loads(body)
            notices = tuple(self._notice(**fields) for fields in told["notices"])
            return Receipt(told.get("status", 200), notices)
        except (ValueError, TypeError, KeyError):
            raise NoticeRefused("Not readable.") from None

    def _notice(self, kind: str, **fields: Any) -> Notice:
        return Notice(kind=NoticeKind(kind), trusted=self.trusted, **fields)


class Shouter(Signer):
    """A provider that signs nothing."""

    name = "SHOUTER"
    trusted = False


def signature(body: bytes) -> str:
    """What the signer puts on a body."""
    return hmac.new(KEY, body, hashlib.sha256).hexdigest()


def bytes_of(*notices: Mapping[str, object], **more: object) -> bytes:
    """The body of a request."""
    return json.dumps({"notices": notices, **more}).encode()


async def purchase(
    engine: AsyncEngine,
    order_id: int,
    *,
    provider: str = Signer.name,
    state: str = "ACCEPTED",
    provider_order_id: str | None = "P-1",
    item_id: int | None = None,
) -> int:
    """An order's purchase, under the reference `order-<order id>`."""
    async with engine.begin() as connection:
        result = await connection.execute(
            text(
                "INSERT INTO provider_intents (order_id, provider, reference, state, request,"
                " provider_order_id, inventory_item_id) VALUES (:order_id, :provider,"
                " 'order-' || :order_id, :state, '{}', :provider_order_id, :item_id) RETURNING id"
            ),
            {
                "order_id": order_id,
                "provider": provider,
                "state": state,
                "provider_order_id": provider_order_id,
                "item_id": item_id,
            },
        )
        intent_id: int = result.scalar_one()
        return intent_id


async def bought_item(
    engine: AsyncEngine, order_id: int, iccid: str, provider: str = Signer.name
) -> int:
    """A profile that a provider sold for an order, and that the order has."""
    async with engine.begin() as connection:
        result = await connection.execute(
            text(
                "INSERT INTO esim_inventory (activation_code, iccid, provider, order_id, status,"
                " assigned_at) VALUES ('1$smdp.example.com$' || :iccid, :iccid, :provider,"
                " :order_id, 'ASSIGNED', now()) RETURNING id"
            ),
            {"iccid": iccid, "provider": provider, "order_id": order_id},
        )
        item_id: int = result.scalar_one()
        return item_id


def notice(kind: NoticeKind, event_id: str = "e-1", **fields: Any) -> Notice:
    """A signed notice, unless said otherwise."""
    return replace(Notice(event_id, kind, trusted=True), **fields)


async def receive(
    engine: AsyncEngine, *notices: Notice, provider: str = Signer.name
) -> frozenset[int]:
    """One request."""
    async with transaction(engine) as connection:
        return await inbox.receive(connection, provider, notices)


async def noted(engine: AsyncEngine) -> list[Mapping[str, Any]]:
    """The audit events of notifications."""
    return await rows(
        engine,
        "SELECT order_id, actor, payload FROM esim_provisioning_events"
        " WHERE kind = 'provider_notified' ORDER BY id",
    )
