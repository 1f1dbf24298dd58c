"""Providers: how they are doing, and keeping them from being called. For ops alone."""

import asyncio
from typing import Annotated

import structlog
from fastapi import APIRouter, Path

from api.http import problems
from api.http.auth import Admin
from api.http.engine_calls import answered
from api.provider_schemas import ControlRequest, ProviderBody, ResumedBody
from api.resources import Resources, Shared
from db import provider_controls, provider_views
from db.engine import transaction
from domain.errors import EngineUnavailable
from domain.redaction import as_note
from workflows.messages import Intervention

router = APIRouter(prefix="/api/admin/providers", tags=["Providers"])

WAKEN_AT_MOST = 200
"""Orders that one resume asks to try again; the others do so by themselves."""

_CONTROL = problems.responses(401, 403, 404, 413, 415, 422, 503)
_AT_ONCE = 20

Name = Annotated[str, Path(max_length=64)]

log = structlog.get_logger(__name__)


@router.get("", responses=problems.responses(401, 403, 503))
async def list_providers(_: Admin, shared: Shared) -> list[ProviderBody]:
    """Every provider that has a gate, sells a plan or was bought from, by name."""
    async with transaction(shared.engine) as connection:
        return [ProviderBody.of(view) for view in await provider_views.overview(connection)]


@router.post("/{name}/pause", responses=_CONTROL)
async def pause_provider(
    name: Name, body: ControlRequest, caller: Admin, shared: Shared
) -> ProviderBody:
    """Keep a provider from being called, until it is resumed. Repeating it updates who and why.

    Stock and other providers go on. Purchases that were sent already are not taken back.
    """
    async with transaction(shared.engine) as connection:
        await provider_controls.pause(connection, name, caller.email, body.reason)
        view = await provider_views.one(connection, name)
    log.warning("provider_paused", provider=name, actor=caller.email, reason=view.paused_reason)
    return ProviderBody.of(view)


@router.post("/{name}/resume", responses=_CONTROL)
async def resume_provider(
    name: Name, body: ControlRequest, caller: Admin, shared: Shared
) -> ResumedBody:
    """Let a provider be called again, forget its failures, and wake the orders that wait for it.

    A wait that the provider itself asked for (`blocked_until`) is still kept.
    """
    said = Intervention(caller.email, f"{name} is resumed: {as_note(body.reason)}")
    async with transaction(shared.engine) as connection:
        await provider_controls.resume(connection, name, caller.email, body.reason)
        view = await provider_views.one(connection, name)
        waiting = await provider_controls.waiting_for(connection, name, limit=WAKEN_AT_MOST)
    log.warning("provider_resumed", provider=name, actor=caller.email, reason=said.reason)
    woken = await _wake(shared, waiting, said)
    return ResumedBody(
        provider=ProviderBody.of(view),
        waiting=len(waiting),
        woken=woken,
        next_step=_next_step(len(waiting), woken),
    )


async def _wake(shared: Resources, order_ids: list[int], said: Intervention) -> int:
    """Ask each to try again; how many were asked before Temporal stopped answering."""
    woken = 0
    for start in range(0, len(order_ids), _AT_ONCE):
        some = order_ids[start : start + _AT_ONCE]
        nudges = (shared.activations.nudge(order_id, said) for order_id in some)
        try:
            await answered(asyncio.gather(*nudges))
        except EngineUnavailable:
            break
        woken += len(some)
    return woken


def _next_step(waiting: int, woken: int) -> str:
    if woken < waiting:
        return "Temporal does not answer. The provider is resumed; orders try again by themselves."
    if waiting == WAKEN_AT_MOST:
        return f"The {waiting} that wait longest were asked; the others try again by themselves."
    return "Nothing: it may be called again."
