"""What the handlers of one API process share; made when it starts, released when it ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from api.http.limits import Places, RateLimit
from api.http.tokens import BearerTokens, KnownUsers
from db.listen import Notifications
from db.shared_reads import SharedReads
from domain.notice import NoticeReader
from operations.readiness import Readiness
from settings import ApiSettings
from workflows.client import Activations


@dataclass(frozen=True, slots=True)
class Resources:
    """Connections and counters of this process."""

    settings: ApiSettings
    engine: AsyncEngine
    reads: SharedReads
    activations: Activations
    notifications: Notifications
    tokens: BearerTokens
    users: KnownUsers
    rate_limit: RateLimit
    order_limit: RateLimit
    waiting_room: Places
    streams: Places
    notice_readers: Mapping[str, NoticeReader]
    unsigned_limit: RateLimit
    enabling: frozenset[str]
    readiness: Readiness


async def _resources(request: Request) -> Resources:
    found: Resources = request.app.state.resources
    return found


Shared = Annotated[Resources, Depends(_resources)]
"""The type of a handler's parameter that wants the shared resources."""
