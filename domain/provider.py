"""What the service asks of any eSIM provider, and what a provider may answer.

Adapters live in `providers/`; activities and workflows know only this Protocol.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeAlias

from domain.gate import ProviderLimits
from domain.purchase import Ambiguity


@dataclass(frozen=True, slots=True)
class ProvisionRequest:
    """One profile to buy.

    Attributes:
        reference: our key at the provider, the same for every attempt of one purchase.
        plan_code: the provider's own name for the plan, None if we know none.
        country_iso2: the destination, None where the plan covers any.
        customer_email, customer_name: sent only where the provider's contract asks for them.
        provider_order_id: what the provider called the order once it had accepted it; None
            before that, and at providers that answer at once.
    """

    order_id: int
    reference: str
    plan_code: str | None
    plan_name: str
    country_iso2: str | None = None
    customer_email: str | None = field(default=None, repr=False)
    customer_name: str | None = field(default=None, repr=False)
    provider_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class ProvisionedEsim:
    """What a provider sold. The codes are bearer secrets, so they stay out of `repr`.

    Attributes:
        reference: our reference as the provider echoed it.
        activation_code: as the provider gave it, checked and normalised.
        qr_payload: the LPA string that a QR code shows.
        request, reply: what was sent and what came back, without codes, credentials or the
            customer's name and address; kept for ops.
        raw: the reply as it came, secrets included: for quarantine alone.
    """

    reference: str
    iccid: str | None
    activation_code: str = field(repr=False)
    qr_payload: str = field(repr=False)
    instructions: str | None = field(default=None, repr=False)
    confirmation_code: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    request: Mapping[str, object] = field(default_factory=dict, repr=False)
    reply: Mapping[str, object] = field(default_factory=dict, repr=False)
    raw: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AcceptedOrder:
    """An order that the provider has taken on and delivers later.

    Attributes:
        provider_order_id: what the provider calls it. No secret.
        reply: what came back, without secrets; kept for ops.
    """

    provider_order_id: str
    reply: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Bought:
    """A purchase that is committed on our side, as `release` and `cancel` need to name it."""

    reference: str
    provider_order_id: str | None
    iccid: str | None


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left at a prepaid provider, in its own currency's major units."""

    amount: Decimal
    currency: str


Answer: TypeAlias = ProvisionedEsim | AcceptedOrder


class EsimProvider(Protocol):
    """A place where profiles can be bought.

    Every method may raise:
        ProviderUnavailable: nothing was booked or changed; safe to call again later.
        ProviderRefused: a definite no (`ProviderOutOfStock` where more stock would help).
        ProviderOutcomeUnknown: `provision` and `cancel` only: it may have happened.
        ProviderReplyUnusable: `provision` and `lookup`: sold, and the reply cannot be delivered.
    No other exception leaves an adapter, and no message or reply holds a secret.
    """

    @property
    def name(self) -> str:
        """The provider's name as settings, `plan_codes` and search attributes spell it."""
        ...

    @property
    def ambiguity(self) -> Ambiguity:
        """What may be done when an outcome is unknown."""
        ...

    @property
    def settle_gap_seconds(self) -> float:
        """Longer than a look-up can lag: two "absent" answers this far apart mean "not booked"."""
        ...

    @property
    def limits(self) -> ProviderLimits:
        """How hard it may be called."""
        ...

    @property
    def resellable(self) -> bool:
        """Whether a code that no customer has seen may be sold to another one."""
        ...

    @property
    def releases(self) -> bool:
        """Whether a code works only after `release`, which then follows our commit."""
        ...

    @property
    def returnable(self) -> bool:
        """Whether `cancel` can give an unused purchase back."""
        ...

    def describe_request(self, request: ProvisionRequest) -> Mapping[str, object]:
        """The outbound body without secrets, to be committed as the intent before the send."""
        ...

    async def provision(self, request: ProvisionRequest) -> Answer:
        """Buy one profile. Costs money; idempotent only if `ambiguity` says so."""
        ...

    async def lookup(self, request: ProvisionRequest) -> Answer | None:
        """Find an earlier purchase by its reference, or by `provider_order_id` where that is known.

        Buys nothing and is safe to repeat; where the provider delivers in steps, it may take the
        next one. `AcceptedOrder` if it is not delivered yet; None if the provider has none.

        Raises:
            ProviderOrderFailed: the provider says of this very order, once accepted, that it
                will never be delivered. Nothing else may be taken for that: money hangs on it.
            ProviderRefused: this provider has no look-up, or refuses this one.
        """
        ...

    async def release(self, bought: Bought) -> None:
        """Make a committed purchase installable. Idempotent; nothing to do at most providers."""
        ...

    async def cancel(self, bought: Bought) -> bool:
        """Give an unused purchase back. Idempotent.

        True if it is undone (also if it was before), False if the provider does not take it.
        """
        ...

    async def balance(self) -> Balance | None:
        """What is left to spend; None where the provider's API does not tell."""
        ...

    async def aclose(self) -> None:
        """Release connections. Idempotent."""
        ...


def resellable(providers: Mapping[str, EsimProvider]) -> frozenset[str]:
    """The providers whose unused, unseen codes may go to stock.

    None whose codes work only after a release: from stock they would be handed out without one.
    """
    return frozenset(
        name for name, each in providers.items() if each.resellable and not each.releases
    )
