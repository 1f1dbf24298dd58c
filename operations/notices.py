"""What providers tell by themselves: on record, and the activation looks sooner for it."""

from collections.abc import Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db import notices
from db.engine import transaction
from domain.errors import EngineUnavailable
from domain.notice import Notice
from operations.deadline import answered
from workflows.client import Activations

_TELLING_SECONDS = 2.0

log = structlog.get_logger(__name__)


async def take(
    engine: AsyncEngine, activations: Activations, provider: str, said: Sequence[Notice]
) -> None:
    """Put notices on record, each once, and wake the activations whose purchase has news.

    Idempotent, in any order.

    Raises:
        StorageUnavailable: nothing is on record; the provider is to repeat it.
    """
    async with transaction(engine) as connection:
        news = await notices.receive(connection, provider, said)
    # After the commit: an activation that looks must find what was said.
    for order_id in sorted(news):
        await _tell(activations, order_id)


async def _tell(activations: Activations, order_id: int) -> None:
    """Wake an activation; if Temporal is away it looks by itself, a little later."""
    try:
        await answered(activations.tell_of_purchase(order_id), deadline_seconds=_TELLING_SECONDS)
    except EngineUnavailable:
        log.warning("purchase_news_not_told", order_id=order_id)
