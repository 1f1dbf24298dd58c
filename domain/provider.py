"""What the service asks of any eSIM provider, and what a provider may answer.

Adapters live in `providers/`; activities and workflows know only this Protocol.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeAlias

from domain.errors import UnknownProvider
from domain.gate import ProviderLimits
from domain.purchase import Ambiguity
from domain.redaction import as_note

_SHOWN = 64
"""Characters of a name that nobody knows, as a message shows it."""


def provider_name(typed: str) -> str:
    """Return the name that somebody meant: blanks around it and its case do not matter."""
    return typed.strip().upper()


def chosen_seller(typed: str, there: Collection[str]) -> str:
    """Return the name of the provider that somebody wants to buy from.

    Args:
        typed: as it was named; blanks around it and its case do not matter.
        there: those that can be bought from.

    Raises:
        UnknownProvider: names those there are; of `typed` it shows a little, and no code.
    """
    name = provider_name(typed)
    if name in there:
        return name
    shown, known = as_note(typed)[:_SHOWN].strip(), ", ".join(sorted(there))
    raise UnknownProvider(
        f"There is no provider {shown} to buy from here (--provider); there is: {known}."
    )


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
        repeated: an earlier `advance` of the accepted order may have reached the provider unheard,
            so what says "done already" says that it did.
        since: since when we know the order: nothing was bought for it earlier. None in tests of
            adapters, for which a few days are enough.
    """

    order_id: int
    reference: str
    plan_code: str | None
    plan_name: str
    country_iso2: str | None = None
    customer_email: str | None = field(default=None, repr=False)
    customer_name: str | None = field(default=None, repr=False)
    provider_order_id: str | None = None
    repeated: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProvisionedEsim:
    """What a provider sold. The codes are bearer secrets, so they stay out of `repr`.

    A sale is known by the provider's own name of it and by its code: two sales never share either.
    They may share an ICCID, unless the provider promises that they do not (`Traits.unique_iccids`).

    Attributes:
        reference: our reference as the provider echoed it.
        sale_id: what the provider calls this very profile of ours, and no other one ever; None
            where it has no such name. No secret.
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
    sale_id: str | None = None


@dataclass(frozen=True, slots=True)
class AcceptedOrder:
    """An order that the provider has taken on and delivers later.

    Attributes:
        provider_order_id: what the provider calls it. No secret.
        reply: what came back, without secrets; kept for ops.
        allotted_iccid: the profile that was taken from the provider's free ones just now, if it
            says so: an earlier sale of that profile has been given back, whatever we heard of it.
    """

    provider_order_id: str
    reply: Mapping[str, object] = field(default_factory=dict, repr=False)
    allotted_iccid: str | None = None


@dataclass(frozen=True, slots=True)
class Bought:
    """A purchase that is committed on our side, named as `enable` and `cancel` need it.

    Attributes:
        sale_id: as in `ProvisionedEsim`.
        repeated: an earlier `enable` may have reached the provider unheard, or somebody else may
            have done it, so what says "done already" is no refusal.
    """

    reference: str
    provider_order_id: str | None
    iccid: str | None
    sale_id: str | None = None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left at a prepaid provider, in its own currency's major units."""

    amount: Decimal
    currency: str


Answer: TypeAlias = ProvisionedEsim | AcceptedOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What distinguishes one provider from another for whoever buys there.

    Attributes:
        ambiguity: what may be done when the outcome of a purchase is unknown.
        settle_gap_seconds: longer than a look-up lags behind the orders. Two answers "absent"
            that far apart mean "not booked".
        limits: how hard the provider may be called.
        resellable: its terms allow that a code which no customer has seen is sold to another one.
        enables: a code works only after `enable`, which follows our commit.
        returnable: `cancel` can give an unused purchase back.
        unique_iccids: the provider promises never to sell an ICCID again, so a second sale of one
            is a mistake. Without the promise a profile that came back to it, or ran out, is the
            next customer's with a new code.
        finds: `advance` finds a purchase by our reference, whatever the mode.
        promises_iccid: its contract names the ICCID of every sale: a reply without one is unusable.
    """

    ambiguity: Ambiguity
    settle_gap_seconds: float = 0.0
    limits: ProviderLimits = field(default_factory=ProviderLimits)
    resellable: bool = False
    enables: bool = False
    returnable: bool = False
    unique_iccids: bool = False
    finds: bool = False
    promises_iccid: bool = True


class EsimProvider(Protocol):
    """A place where profiles can be bought.

    Every method may raise:
        ProviderUnavailable: nothing was booked or changed; the call may be repeated later.
        ProviderRefused: a definite no (`ProviderOutOfStock` where more stock would help).
        ProviderOutcomeUnknown: it may have happened. Only `provision` and `cancel` raise it.
        ProviderReplyUnusable: a profile was sold, and the reply cannot be delivered. Only
            `provision` and `advance` raise it.
    No other exception leaves an adapter. No message and no kept reply holds a secret.
    """

    @property
    def name(self) -> str:
        """The provider's name as settings, `plan_codes` and search attributes spell it."""
        ...

    @property
    def traits(self) -> Traits:
        """What is particular to this provider; the same as long as it lives."""
        ...

    def describe_request(self, request: ProvisionRequest) -> Mapping[str, object]:
        """Describe the purchase by its body, without secrets; it is committed before the send."""
        ...

    async def provision(self, request: ProvisionRequest) -> Answer:
        """Buy one profile. It costs money, and is idempotent only if `traits.ambiguity` says so."""
        ...

    async def advance(self, request: ProvisionRequest) -> Answer | None:
        """Find an earlier purchase and take it as far as it goes.

        It is found by `provider_order_id` where that is known, else by our reference. This buys
        nothing and may be repeated; where the provider delivers in steps, it takes the next one.
        The answer is an `AcceptedOrder` while it is not delivered, None if there is no such order.

        Raises:
            ProviderOrderFailed: the provider says of this very order, once accepted, that it
                will never be delivered. Nothing else may be taken for that: money hangs on it.
            ProviderRefused: this provider has no look-up, or refuses this one.
        """
        ...

    async def enable(self, bought: Bought) -> None:
        """Make the code of a committed purchase work. Idempotent; most providers need no call."""
        ...

    async def cancel(self, bought: Bought) -> bool:
        """Give an unused purchase back. Idempotent.

        True if it is undone (also if it was before), False if the provider does not take it.
        """
        ...

    async def balance(self) -> Balance | None:
        """Ask what is left to spend; None where the provider's API does not tell."""
        ...

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        ...


def resellable(providers: Mapping[str, EsimProvider]) -> frozenset[str]:
    """List the providers whose unused, unseen codes may go to stock.

    A provider that enables codes is never one of them: a code from stock is handed out without
    a further call, and would not work.
    """
    traits = {name: provider.traits for name, provider in providers.items()}
    return frozenset(n for n, each in traits.items() if each.resellable and not each.enables)


def promising_unique_iccids(providers: Mapping[str, EsimProvider]) -> frozenset[str]:
    """List the providers that never sell an ICCID twice."""
    return frozenset(name for name, each in providers.items() if each.traits.unique_iccids)
