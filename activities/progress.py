"""Writes down what the workflow has decided: a failed round, a wait, a request, the end."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity

from activities.let_go import release_held
from activities.origin import origin
from db import events, profiles
from db.engine import transaction
from db.own_codes import as_note_of
from domain.event import Door, EventKind
from domain.profile import READY, TRANSITIONS, ProfileStatus
from domain.redaction import as_note

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FailedRound:
    """A round of attempts that gave no eSIM.

    Attributes:
        park_as: the state to wait in for a person; None while rounds go on by themselves.
        next_round_in_seconds: when the next one starts; None if it waits for a person.
    """

    order_id: int
    code: str
    reason: str
    failed_rounds: int
    park_as: ProfileStatus | None
    next_round_in_seconds: float | None


@dataclass(frozen=True, slots=True)
class Request:
    """A retry or cancel that somebody sent; `door` is empty if no person stands behind it."""

    order_id: int
    kind: EventKind
    actor: str
    reason: str
    door: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """A cancellation that is to take effect. Attributes as `Request`."""

    order_id: int
    actor: str
    reason: str
    door: str = ""


async def _said(connection: AsyncConnection, request: Request | Ending) -> dict[str, object]:
    """Say why, and by which door it came; of a signal's actor, that it is only claimed."""
    reason = await as_note_of(connection, request.order_id, request.reason)
    said: dict[str, object] = {"reason": reason}
    if request.door:
        said["door"] = request.door
    if request.door == Door.SIGNAL:
        said["actor_claimed"] = True
    return said


class ProgressActivities:
    """Makes each write in one transaction with its audit event."""

    def __init__(self, engine: AsyncEngine, resellable: AbstractSet[str]) -> None:
        self._engine = engine
        self._resellable = resellable

    @activity.defn(name="record_failed_round")
    async def record_failed_round(self, failed: FailedRound) -> None:
        """Say why on the profile, and park it if only a person or new stock can help.

        A profile that is parked already, or past failing, is left alone; a repetition while it
        is pending writes a second event and changes nothing else that matters.
        """
        payload = {"round": failed.failed_rounds, "next_in_seconds": failed.next_round_in_seconds}
        async with transaction(self._engine) as connection:
            profile = await profiles.lock(connection, failed.order_id)
            if profile.status is not ProfileStatus.PENDING_ACTIVATION:
                return
            if failed.park_as is not None:
                await profiles.move(
                    connection,
                    profile,
                    failed.park_as,
                    EventKind.PARKED,
                    origin(),
                    payload=payload,
                    failure_code=failed.code,
                    failure_reason=failed.reason,
                    failed_rounds=profile.failed_rounds + 1,
                )
            else:
                await profiles.note_failed_round(
                    connection,
                    profile,
                    origin(),
                    code=failed.code,
                    reason=failed.reason,
                    payload=payload,
                )
        _tell(failed)

    @activity.defn(name="record_request")
    async def record_request(self, request: Request) -> None:
        """Write a person's retry or cancel, taken or ignored, into the audit trail."""
        async with transaction(self._engine) as connection:
            # Locked like any change, so that an order's events commit in the order of their ids.
            await profiles.lock_or_add(connection, request.order_id)
            await events.append(
                connection,
                request.order_id,
                request.kind,
                origin(as_note(request.actor)),
                payload=await _said(connection, request),
            )

    @activity.defn(name="cancel_activation")
    async def cancel_activation(self, ending: Ending) -> ProfileStatus:
        """Let go of what is held and end, unless the customer has the eSIM already.

        Returns the state it ends in. Idempotent, and whole: it needs no other undo to have run.
        """
        by = origin(as_note(ending.actor))
        async with transaction(self._engine) as connection:
            profile = await profiles.lock_or_add(connection, ending.order_id)
            profile = await release_held(
                connection,
                profile,
                reason="the activation ended",
                ending=True,
                resellable=self._resellable,
            )
            if profile.status in READY:
                too_late = {"reason": "the eSIM was assigned already"}
                await events.append(
                    connection, ending.order_id, EventKind.REQUEST_IGNORED, by, payload=too_late
                )
            elif ProfileStatus.CANCELLED in TRANSITIONS[profile.status]:
                profile = await profiles.move(
                    connection,
                    profile,
                    ProfileStatus.CANCELLED,
                    EventKind.CANCELLED,
                    by,
                    payload=await _said(connection, ending),
                )
        return profile.status


def _tell(failed: FailedRound) -> None:
    """Log a round that failed: loudly, if the order waits for a person or for stock."""
    tell = log.warning if failed.park_as is None else log.error
    tell(
        "activation_round_failed",
        order_id=failed.order_id,
        code=failed.code,
        reason=as_note(failed.reason),
        park_as=failed.park_as,
        esim_provisioning="failure",
    )
