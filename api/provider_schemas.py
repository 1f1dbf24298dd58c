"""The JSON of providers, for ops alone."""

from decimal import Decimal

from pydantic import BaseModel, Field

from api.schemas import Instant, Text
from db.provider_views import ProviderView
from domain.gate import BreakerState, Health
from domain.purchase import PurchaseState


class ControlRequest(BaseModel):
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


def plain(amount: Decimal) -> str:
    """A figure as people write it: `41.5`, `40`, `0.05`."""
    return f"{amount.normalize():f}"
