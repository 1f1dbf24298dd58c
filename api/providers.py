"""Providers: how they are doing, and keeping them from being called. For ops alone."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Path

from api.http import problems
from api.http.auth import Admin
from api.provider_schemas import ControlRequest, ProviderBody, ResumedBody
from api.resources import Shared
from domain.redaction import as_note
from operations import providers

router = APIRouter(prefix="/api/admin/providers", tags=["Providers"])

_CONTROL = problems.responses(401, 403, 404, 413, 415, 422, 503)

Name = Annotated[str, Path(max_length=64)]

log = structlog.get_logger(__name__)


@router.get("", responses=problems.responses(401, 403, 503))
async def list_providers(_: Admin, shared: Shared) -> list[ProviderBody]:
    """Every provider that the worker offers, has a gate, sells a plan or was bought from."""
    return [ProviderBody.of(view) for view in await providers.overview(shared.engine)]


@router.post("/{name}/pause", responses=_CONTROL)
async def pause_provider(
    name: Name, body: ControlRequest, caller: Admin, shared: Shared
) -> ProviderBody:
    """Keep a provider from being called, until it is resumed. Repeating it updates who and why.

    Stock and other providers go on. Purchases that were sent already are not taken back.
    """
    view = await providers.pause(shared.engine, name, caller.email, body.reason)
    log.warning(
        "provider_paused", provider=view.name, actor=caller.email, reason=view.paused_reason
    )
    return ProviderBody.of(view)


@router.post("/{name}/resume", responses=_CONTROL)
async def resume_provider(
    name: Name, body: ControlRequest, caller: Admin, shared: Shared
) -> ResumedBody:
    """Let a provider be called again, forget its failures, and wake the orders that wait for it.

    A wait that the provider itself asked for (`blocked_until`) is still kept.
    """
    resumed = await providers.resume(
        shared.engine, shared.activations, name, caller.email, body.reason
    )
    reason = as_note(body.reason)
    log.warning("provider_resumed", provider=resumed.view.name, actor=caller.email, reason=reason)
    return ResumedBody(
        provider=ProviderBody.of(resumed.view),
        waiting=resumed.waiting,
        woken=resumed.woken,
        next_step=resumed.next_step,
    )
