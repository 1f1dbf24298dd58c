"""Server-sent events: an order's timeline as it happens."""

import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi.sse import format_sse_event
from sqlalchemy.ext.asyncio import AsyncConnection

from api.http.auth import Caller
from api.http.scalars import AnswerBody, Instant
from api.resources import Resources
from db import events, profiles
from db.events import Event
from db.rows import LARGEST_ID
from domain.access import Scope, granted
from domain.errors import StorageUnavailable
from domain.profile import ENDED, ProfileStatus

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_SECONDS = 15.0

_PAGE = 200
_RECONNECT_AFTER_MILLISECONDS = 2000


class EventBody(AnswerBody):
    """One line of an order's timeline. Who did it, where, and why it failed is for ops alone."""

    id: int
    kind: str
    from_status: ProfileStatus | None
    to_status: ProfileStatus | None
    error_code: str | None
    error: str | None
    created_at: Instant
    actor: str | None = None
    attempt: int | None = None
    workflow_id: str | None = None
    run_id: str | None = None
    payload: dict[str, Any] | None = None

    @classmethod
    def of(cls, event: Event, *, for_ops: bool) -> "EventBody":
        """Show an event; customers see neither the names of staff nor the machinery."""
        shown = {name: getattr(event, name) for name in Event.__dataclass_fields__}
        shown["payload"] = dict(event.payload)
        if not for_ops:
            shown |= dict.fromkeys(_FOR_OPS)
        return cls(**shown)


_FOR_OPS = ("error", "actor", "attempt", "workflow_id", "run_id", "payload")


def position(last_event_id: str | None) -> int:
    """Read where a client left off; anything that is not one of our ids means the beginning."""
    text = last_event_id or ""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0  # noqa: PLR2004
    return number if number <= LARGEST_ID else 0


async def follow(
    shared: Resources, order_id: int, caller: Caller, *, after_id: int
) -> AsyncIterator[bytes]:
    """Send every event after `after_id` once it is committed, heartbeats between, then `end`.

    Stops without `end` when the server shuts down, Postgres is away, the token has expired, or its
    user was blocked or lost a role: the client reconnects, with a new token if it has one.
    """
    until = caller.token_expires_at
    yield format_sse_event(retry=_RECONNECT_AFTER_MILLISECONDS)
    with shared.notifications.subscribe(order_id) as subscription:
        while not shared.notifications.closing and time.time() < until:
            try:
                if not await _is_welcome(shared, caller):
                    return
                ended, page = await _read(shared, order_id, after_id)
            except StorageUnavailable:
                return
            for event in page:
                after_id = event.id
                body = EventBody.of(event, for_ops=caller.may(Scope.OPS_READ)).model_dump_json()
                yield format_sse_event(data_str=body, event=event.kind, id=str(event.id))
            if len(page) == _PAGE:
                continue
            if ended:
                yield format_sse_event(data_str="{}", event="end")
                return
            if not await subscription.wait(min(HEARTBEAT_SECONDS, until - time.time())):
                yield format_sse_event(comment="heartbeat")


async def _is_welcome(shared: Resources, caller: Caller) -> bool:
    """Say whether whoever began to listen may still listen as they began."""
    user = await shared.users.find(caller.user_id)
    allowed = granted(user.roles, caller.scopes) if user else frozenset()
    return user is not None and user.blocked_at is None and allowed == caller.scopes


async def _read(shared: Resources, order_id: int, after_id: int) -> tuple[bool, list[Event]]:
    """Read whether the activation has ended, then its events: in this order none is left behind."""

    async def read(connection: AsyncConnection) -> tuple[bool, list[Event]]:
        profile = await profiles.find(connection, order_id)
        ended = profile is None or profile.status in ENDED
        return ended, await events.timeline(connection, order_id, after_id=after_id, limit=_PAGE)

    return await shared.reads.read(("events", order_id, after_id), read)
