"""What every contract sells with: one price, plans by any name, charges in the ledger.

A plan is what its name says: `UNKNOWN-...` does not exist, `SOLDOUT-...` is out of stock, for
`NOCREDIT-...` the account has no credit. Any other name is sold. Profiles of `CONFIRM-...` ask for
a confirmation code.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from sandbox.ledger import Ledger, Order, ProfileState
from sandbox.profiles import Profile, new_profile
from sandbox.settings import SandboxSettings

PRICE_CENTS: Final = 450


class Trouble(Enum):
    """Why nothing is sold; each contract says it in its own words."""

    OUT_OF_STOCK = auto()
    UNKNOWN_PLAN = auto()
    NO_CREDIT = auto()
    BAD_CREDENTIALS = auto()
    RATE_LIMITED = auto()


_BY_NAME = {
    "UNKNOWN-": Trouble.UNKNOWN_PLAN,
    "SOLDOUT-": Trouble.OUT_OF_STOCK,
    "NOCREDIT-": Trouble.NO_CREDIT,
}
_CONFIRMED = "CONFIRM-"


class CannotSell(Exception):
    """Nothing was booked.

    Attributes:
        trouble: why.
    """

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.name)
        self.trouble = trouble


def as_it_is(order: Order) -> Order:
    """Tell the truth."""
    return order


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What rules change about one call.

    Attributes:
        lag_seconds: how long look-ups do not show what is bought.
        delivery_seconds: how long the profiles take; None for the usual delay.
        fails: whether the profiles are never handed out.
        reuses: whether an ICCID that was given back is sold before a new one.
        smdp_address: what the code must name in place of the usual SM-DP+; None for that.
        told: what the reply says in place of an order.
    """

    lag_seconds: float = 0.0
    delivery_seconds: float | None = None
    fails: bool = False
    reuses: bool = False
    smdp_address: str | None = None
    told: Callable[[Order], Order] = as_it_is


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What a client wants to buy.

    Attributes:
        profile: a certain one, if it must be that.
        state: the state that the profiles are in at first, if the contract knows states.
        later: whether the profiles are handed out after the reply.
    """

    reference: str
    plan_code: str
    quantity: int = 1
    profile: Profile | None = None
    state: ProfileState | None = None
    later: bool = False
    request_id: str | None = None
    webhook_url: str | None = None


class Shop:
    """One provider's shop.

    Attributes:
        deduplicates: per provider, whether a repeated reference gives the same order again.
    """

    def __init__(
        self,
        provider: str,
        ledger: Ledger,
        settings: SandboxSettings,
        deduplicates: dict[str, bool],
    ) -> None:
        self.provider = provider
        self.ledger = ledger
        self.settings = settings
        self._deduplicates = deduplicates

    def sell(self, purchase: Purchase, terms: Terms) -> Order:
        """Book it, on disk, and say what was sold.

        Raises:
            CannotSell: nothing was booked.
        """
        trouble = trouble_of(purchase.plan_code)
        if trouble is not None:
            raise CannotSell(trouble)
        amount = PRICE_CENTS * purchase.quantity
        if amount > self.balance_cents():
            raise CannotSell(Trouble.NO_CREDIT)
        order = self._order(purchase, terms, amount)
        self.ledger.book(order, purchase.state)
        if order.failed:
            self.ledger.void(order)
        return order

    def earlier(self, reference: str) -> Order | None:
        """Find the order that a repeated reference gives again, if this provider does that."""
        orders = self.ledger.orders(self.provider, reference)
        return orders[0] if orders and self._deduplicates.get(self.provider) else None

    def returned_iccid(self, terms: Terms) -> str | None:
        """Return the ICCID of the oldest sale that was given back, if the terms reuse any."""
        free = self.ledger.given_back(self.provider) if terms.reuses else []
        return free[0] if free else None

    def balance_cents(self) -> int:
        """Compute the credit that is left, in cents."""
        charges = self.ledger.charges(self.provider)
        spent = sum(charge.amount_cents for charge in charges if charge.voided_at is None)
        return self.settings.credit_cents - spent

    def _order(self, purchase: Purchase, terms: Terms, amount_cents: int) -> Order:
        now = time.time()
        usual = self.settings.delivery_delay_seconds if purchase.later else 0.0
        delay = usual if terms.delivery_seconds is None else terms.delivery_seconds
        return Order(
            provider=self.provider,
            number=len(self.ledger.orders()) + 1,
            reference=purchase.reference,
            plan_code=purchase.plan_code,
            quantity=purchase.quantity,
            amount_cents=amount_cents,
            booked_at=now,
            ready_at=now + delay,
            shown_at=now + terms.lag_seconds,
            profiles=self._profiles(purchase, terms),
            failed=terms.fails,
            request_id=purchase.request_id,
            webhook_url=purchase.webhook_url,
        )

    def _profiles(self, purchase: Purchase, terms: Terms) -> tuple[Profile, ...]:
        if purchase.profile is not None:
            return (purchase.profile,)
        sold, confirmed = self.ledger.sold(), purchase.plan_code.startswith(_CONFIRMED)
        first, *others = (new_profile(sold, confirmed=confirmed) for _ in range(purchase.quantity))
        return (replace(first, iccid=self.returned_iccid(terms) or first.iccid), *others)


def trouble_of(plan_code: str) -> Trouble | None:
    """Read the plan's name: why it cannot be sold, or None."""
    found = (trouble for prefix, trouble in _BY_NAME.items() if plan_code.startswith(prefix))
    return next(found, None)
