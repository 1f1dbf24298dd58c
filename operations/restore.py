"""After a backup was restored: what the database has lost is put right before anybody is served.

Temporal remembers runs that the database does not, and the other way round. An order whose run has
ended although its row has not is begun anew, with the very item it was given; whatever may have
been bought for it is asked for first (`activities/purchase/lost.py`). See docs/operating.md.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import profiles, purchases, restores
from db.engine import transaction
from db.profiles import Profile
from domain.errors import StorageFault
from domain.event import Origin
from domain.profile import OPEN, ProfileStatus
from operations.deadline import answered
from workflows.client import Activations, Started
from workflows.messages import Intervention
from workflows.runs import LastRun

ACTOR = "restore"
SKIPPED_IDS = 1_000_000
"""How far ids go on after a restore: more than were given between the backup and the loss."""

_AT_ONCE = 20
_LIST_SECONDS = 120.0
_CLOCKS_DIFFER_BY = timedelta(minutes=5)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Restored:
    """What was found and done, by order id.

    Attributes:
        begun_anew: their run had ended, or was gone, although the order had not.
        cancelled: as they had been before.
        noted: their run goes on, and asks before it buys.
        settling: they are over, and an open purchase of theirs is settled.
        missing: Temporal knows them and the database does not; each with the item that its
            customer was given, None if it was given none. A person must look.
    """

    begun_anew: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    noted: list[int] = field(default_factory=list)
    settling: list[int] = field(default_factory=list)
    missing: dict[int, int | None] = field(default_factory=dict)


async def begin_anew(
    engine: AsyncEngine, activations: Activations, order_id: int, provider: str | None = None
) -> Started:
    """Begin an order again if its run has ended and its row has not; else it is ENDED.

    A run writes the row before it ends, so the row must be older: a backup was restored. Who was
    cancelled before is cancelled again. Repeating it is harmless: a run goes by the row.

    Raises:
        StorageFault: the run was another order's, which had the same id before the restore.
        EngineUnavailable, StorageUnavailable: nothing is promised.
    """
    run = await answered(activations.last_run(order_id))
    if run is None or run.ended_as is None:
        return Started.ENDED
    async with transaction(engine) as connection:
        profile = await profiles.lock(connection, order_id)
        if profile.status not in OPEN:
            return Started.ENDED
        await _note(connection, profile, run, "its run has ended, and the order has not")
    log.warning("restored_order_begun_anew", order_id=order_id, had_ended_as=run.ended_as)
    again = Intervention(ACTOR, "it was cancelled before the backup was restored")
    cancelled = run.ended_as is ProfileStatus.CANCELLED
    return await answered(
        activations.begin_anew(order_id, provider, cancel=again if cancelled else None)
    )


async def put_right(
    engine: AsyncEngine, activations: Activations, since: datetime, said: Intervention
) -> Restored:
    """Go through every order that Temporal or the database has not finished since the backup.

    Run it once the backup is in, with Temporal up and before the API and the workers are. It may
    be repeated: an order that was noted since is not noted again.

    Args:
        engine: of the restored database.
        activations: of the Temporal that belongs to it.
        since: when the backup was taken.
        said: who says so and why, for the timeline of each order; attributed as others are.

    Raises:
        EngineUnavailable, StorageUnavailable: repeat it.
    """
    async with transaction(engine) as connection:
        await restores.skip_ids(connection, by=SKIPPED_IDS)
        unfinished = await restores.unfinished(connection)
    remembered = await answered(activations.orders_since(since), deadline_seconds=_LIST_SECONDS)
    found = Restored()
    order_ids = sorted({*unfinished, *remembered})
    async for run, profile, order_id in _looked_at(engine, activations, order_ids):
        visit = _Visit(engine, activations, since, said, found)
        await visit.order(order_id, run, profile)
    return found


@dataclass(frozen=True, slots=True)
class _Visit:
    """Puts one order right."""

    engine: AsyncEngine
    activations: Activations
    since: datetime
    said: Intervention
    found: Restored

    async def order(self, order_id: int, run: LastRun | None, profile: Profile | None) -> None:
        if profile is None:
            await self._missing(order_id, run)
        elif profile.status not in OPEN:
            await self._over(order_id, run)
        elif run is not None and run.ended_as is not None:
            await begin_anew(self.engine, self.activations, order_id)
            cancelled = run.ended_as is ProfileStatus.CANCELLED
            (self.found.cancelled if cancelled else self.found.begun_anew).append(order_id)
        else:
            await self._open(order_id, run)

    async def _missing(self, order_id: int, run: LastRun | None) -> None:
        """Keep what the customer of a lost order was shown from every other customer."""
        item_id = run.item_id if run else None
        self.found.missing[order_id] = item_id
        if run is not None and item_id is not None:
            async with transaction(self.engine) as connection:
                await restores.retire_shown(connection, order_id, item_id, known_at=run.closed_at)

    async def _over(self, order_id: int, run: LastRun | None) -> None:
        """Have a purchase settled that nobody works on: the row is ahead of Temporal."""
        async with transaction(self.engine) as connection:
            is_open = await purchases.open_for(connection, order_id) is not None
        if is_open and not (run and run.runs):
            await answered(self.activations.cancel(order_id, self.said))
            self.found.settling.append(order_id)

    async def _open(self, order_id: int, run: LastRun | None) -> None:
        async with transaction(self.engine) as connection:
            profile = await profiles.lock(connection, order_id)
            if profile.restored_at is None or profile.restored_at < self.since:
                by, reason = Origin(self.said.actor), self.said.reason
                await restores.note(connection, profile, by, reason=reason)
        if run is not None and run.runs:
            # It may wait for a person or a round of which the row knows nothing any more.
            await answered(self.activations.nudge(order_id, self.said))
            self.found.noted.append(order_id)
        else:
            await answered(self.activations.restart(order_id))
            self.found.begun_anew.append(order_id)


async def _looked_at(
    engine: AsyncEngine, activations: Activations, order_ids: Sequence[int]
) -> AsyncIterator[tuple[LastRun | None, Profile | None, int]]:
    for start in range(0, len(order_ids), _AT_ONCE):
        some = order_ids[start : start + _AT_ONCE]
        runs = await answered(asyncio.gather(*(activations.last_run(each) for each in some)))
        async with transaction(engine) as connection:
            rows = await profiles.of_orders(connection, some)
        for order_id, run in zip(some, runs, strict=True):
            yield run, rows.get(order_id), order_id


async def _note(connection: AsyncConnection, profile: Profile, run: LastRun, reason: str) -> None:
    """Note the doubt, and hold again what the run had given the order from stock."""
    if profile.created_at > run.started_at + _CLOCKS_DIFFER_BY:
        log.error("restored_id_used_before", order_id=profile.order_id)
        raise StorageFault(
            f"Order {profile.order_id} has the id of another one, which was lost with the backup:"
            " see docs/operating.md."
        )
    held = run.item_id is not None and await restores.hold_again(
        connection, profile.order_id, run.item_id, known_at=run.closed_at
    )
    if run.item_id is not None and not held:
        # The order may hold another item by now; nobody else gets what its customer was shown.
        await restores.retire_shown(
            connection, profile.order_id, run.item_id, known_at=run.closed_at
        )
        log.warning("restored_item_not_on_hand", order_id=profile.order_id, item_id=run.item_id)
    if profile.restored_at is None or profile.restored_at < run.closed_at:
        await restores.note(
            connection,
            profile,
            Origin(ACTOR),
            reason=reason,
            item_id=run.item_id if held else None,
        )
