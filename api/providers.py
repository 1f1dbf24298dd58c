"""Providers: how they are doing, and keeping them from being called. For ops alone."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from api.http import problems
from api.http.auth import OpsAct, OpsRead
from api.http.scalars import Instant, ProviderName, Text
from api.http.strict import RequestBody, StrictRoute
from api.resources import Shared
from db.provider_views import ProviderView
from domain.gate import BreakerState, Health
from domain.purchase import PurchaseState
from operations import providers

router = APIRouter(route_class=StrictRoute, prefix="/api/admin/providers", tags=["Providers"])

_CONTROL = problems.responses(401, 403, 404, 413, 415, 422, 503)

Name = Annotated[ProviderName, Path()]


class ControlRequest(RequestBody):
    """Why somebody pauses or resumes a provider."""

    reason: Text


class BreakerBody(BaseModel):
    """What failures in a row have led to."""

    state: BreakerState
    failures: int
    opened_at: Instant | None
    next_probe_at: Instant | None


class BalanceBody(BaseModel):
    """What is left at a prepaid provider, in major units."""

    amount: str = Field(examples=["41.5"])
    currency: str | None
    read_at: Instant | None

    @classmethod
    def of(cls, view: ProviderView) -> "BalanceBody | None":
        """Show what was last read, if anything ever was."""
        if view.balance is None:
            return None
        return cls(
            amount=plain(view.balance), currency=view.balance_currency, read_at=view.balance_at
        )


class ProviderBody(BaseModel):
    """A provider as the whole fleet knows it."""

    name: str
    offered: bool = Field(description="The worker that started last can buy from it.")
    health: Health
    paused: bool
    paused_by: str | None
    paused_reason: str | None
    paused_at: Instant | None
    blocked_until: Instant | None = Field(description="It asked to be left alone until then.")
    breaker: BreakerBody
    last_success_at: Instant | None
    last_failure_at: Instant | None
    last_failure_code: str | None
    balance: BalanceBody | None
    purchases_last_hour: int = Field(
        description="Sent, and neither refused nor found absent: what the spend guard counts."
    )
    purchases_last_day: int
    open_purchases: dict[PurchaseState, int] = Field(description="In states that are not final.")
    next_step: str = Field(description="What a person can do about its condition.")

    @classmethod
    def of(cls, view: ProviderView) -> "ProviderBody":
        """Show a provider."""
        facts = {name: getattr(view, name) for name in _SHOWN}
        return cls(
            **facts,
            breaker=BreakerBody(
                state=view.breaker,
                failures=view.failures,
                opened_at=view.opened_at,
                next_probe_at=view.probe_at,
            ),
            balance=BalanceBody.of(view),
        )


class ResumedBody(BaseModel):
    """What came of letting a provider be called again."""

    provider: ProviderBody
    waiting: int = Field(description="Orders that wait for it, as far as they were looked at.")
    woken: int = Field(description="Those that were asked to try again now.")
    next_step: str


_SHOWN = set(ProviderBody.model_fields) - {"breaker", "balance"}


@router.get("", responses=problems.responses(401, 403, 422, 503))
async def list_providers(_: OpsRead, shared: Shared) -> list[ProviderBody]:
    """List every provider that the worker offers, has a gate, sells a plan or was bought from."""
    return [ProviderBody.of(view) for view in await providers.overview(shared.engine)]


@router.post("/{name}/pause", responses=_CONTROL)
async def pause_provider(
    name: Name, body: ControlRequest, caller: OpsAct, shared: Shared
) -> ProviderBody:
    """Keep a provider from being called, until it is resumed. Repeating it updates who and why.

    Stock and other providers go on. Purchases that were sent already are not taken back.
    """
    view = await providers.pause(shared.engine, name, caller.email, body.reason)
    return ProviderBody.of(view)


@router.post("/{name}/resume", responses=_CONTROL)
async def resume_provider(
    name: Name, body: ControlRequest, caller: OpsAct, shared: Shared
) -> ResumedBody:
    """Let a provider be called again, forget its failures, and wake the orders that wait for it.

    A wait that the provider itself asked for (`blocked_until`) is still kept.
    """
    resumed = await providers.resume(
        shared.engine, shared.activations, name, caller.email, body.reason
    )
    return ResumedBody(
        provider=ProviderBody.of(resumed.view),
        waiting=resumed.waiting,
        woken=resumed.woken,
        next_step=resumed.next_step,
    )


def plain(amount: Decimal) -> str:
    """Write a figure as people do: `41.5`, `40`, `0.05`."""
    return f"{amount.normalize():f}"
