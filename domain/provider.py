"""What the service asks of any eSIM provider, and what a provider may answer.

Adapters live in `providers/`; activities and workflows know only this Protocol.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.purchase import Ambiguity


@dataclass(frozen=True, slots=True)
class ProvisionRequest:
    """One profile to buy.

    Attributes:
        reference: our key at the provider, the same for every attempt of one purchase.
        plan_code: the provider's own name for the plan, None if we know none.
        country_iso2: the destination, None where the plan covers any.
        customer_email, customer_name: sent only where the provider's contract asks for them.
    """

    order_id: int
    reference: str
    plan_code: str | None
    plan_name: str
    country_iso2: str | None = None
    customer_email: str | None = field(default=None, repr=False)
    customer_name: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ProvisionedEsim:
    """What a provider sold. The codes are bearer secrets, so they stay out of `repr`.

    Attributes:
        reference: our reference as the provider echoed it.
        activation_code: as the provider gave it, checked and normalised.
        qr_payload: the LPA string that a QR code shows.
        request, reply: what was sent and what came back, without codes, credentials or the
            customer's name and address; kept for ops.
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


class EsimProvider(Protocol):
    """A place where profiles can be bought.

    Every method may raise:
        ProviderUnavailable: nothing was booked or changed; safe to call again later.
        ProviderRefused: a definite no (`ProviderOutOfStock` where more stock would help).
        ProviderOutcomeUnknown: `provision` and `cancel` only: it may have happened.
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

    def describe_request(self, request: ProvisionRequest) -> Mapping[str, object]:
        """The outbound body without secrets, to be committed as the intent before the send."""
        ...

    async def provision(self, request: ProvisionRequest) -> ProvisionedEsim:
        """Buy one profile. Costs money; idempotent only if `ambiguity` says so."""
        ...

    async def lookup(self, request: ProvisionRequest) -> ProvisionedEsim | None:
        """Find an earlier purchase by its reference; None if the provider has none.

        Raises:
            ProviderRefused: this provider has no look-up.
        """
        ...

    async def cancel(self, reference: str) -> bool:
        """Give a purchase back. True if it is undone, False if the provider does not take it."""
        ...

    async def aclose(self) -> None:
        """Release connections. Idempotent."""
        ...
