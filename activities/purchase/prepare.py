"""Writing a purchase down before anything leaves, if the order still needs one."""

from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from activities.purchase.gate import ProviderGate
from activities.purchase.lost import LostPurchases
from activities.purchase.question import review
from activities.purchase.record import record
from db import profiles, purchases, stock
from db.catalogue import provision_request
from db.engine import transaction
from db.profiles import Profile
from db.purchases import Purchase
from domain.errors import (
    ActivationCancelled,
    NeedsReview,
    OrderNotPaid,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
)
from domain.event import EventKind
from domain.order import OrderStatus
from domain.profile import ENDED, READY
from domain.provider import EsimProvider, ProvisionRequest
from domain.purchase import PurchaseState


@dataclass(frozen=True, slots=True)
class Begun:
    """A purchase of an order, begun now or found begun.

    Attributes:
        leaves_now: it was begun a moment ago, and its turn to leave is now.
        needs_a_person: nobody else may ask for it, since asking could be a second purchase.
    """

    purchase: Purchase
    request: ProvisionRequest
    user_id: int
    leaves_now: bool = False
    needs_a_person: bool = False

    def as_of(self, purchase: Purchase) -> "Begun":
        """Return the same with the purchase as it is now: the provider's name of it is known."""
        request = replace(self.request, provider_order_id=purchase.provider_order_id)
        return Begun(purchase, request, self.user_id, needs_a_person=self.needs_a_person)


class Preparation:
    """Begins purchases, and finds those that were begun."""

    def __init__(
        self,
        engine: AsyncEngine,
        gate: ProviderGate,
        lost: LostPurchases,
        reference_prefix: str,
    ) -> None:
        self._engine = engine
        self._gate = gate
        self._lost = lost
        self._prefix = reference_prefix

    async def prepare(self, order_id: int, provider: EsimProvider) -> Begun | None:
        """Begin a purchase, or find the one to go on with; None if the order holds an item already.

        A new one is committed as INTENDED: nothing has left yet. If its turn is now, it is SENT in
        the same transaction, and leaves.

        Raises:
            NeedsReview: it was bought for before, or its purchase is open elsewhere.
            OrderNotPaid, ActivationCancelled: it ended meanwhile, or was given up.
            ProviderHeld: the provider may not be called now.
            ProviderUnavailable: a backup was restored, and another seller is asked first.
        """
        async with transaction(self._engine) as connection:
            profile = await profiles.lock(connection, order_id)
            if await stock.held_by(connection, order_id) is not None:
                return None
            if bought := await purchases.bought_for(connection, order_id):
                raise _bought_before(profile, bought)
            begun = await purchases.open_for(connection, order_id)
            if begun is not None and begun.provider != provider.name:
                raise review(begun)
            if begun is not None:
                return await self._take_up(connection, profile, begun)
            check_wanted(profile)
            await purchases.refuse_given_up(connection, order_id)
            asked_first = await self._lost.seller_to_ask(connection, profile)
            if asked_first is not None:
                return await self._assume(connection, profile, provider, asked_first)
            await self._gate.peek(connection, provider)
            fresh = await self._begin(connection, profile, provider)
            hold = await self._gate.admit_purchase(connection, provider, user_id=fresh.user_id)
            if hold is not None:
                return fresh  # it waits for its turn, or is withdrawn
            sent = await mark_sent(connection, fresh.purchase)
            return replace(fresh, purchase=sent, leaves_now=True)

    async def find(self, order_id: int, provider: EsimProvider) -> Begun | None:
        """Find the order's purchase that is still open at a provider, ended order or not."""
        async with transaction(self._engine) as connection:
            profile = await profiles.lock(connection, order_id)
            begun = await purchases.open_for(connection, order_id)
            if begun is None or begun.provider != provider.name:
                return None
            return await _found(connection, profile, begun)

    async def _assume(
        self,
        connection: AsyncConnection,
        profile: Profile,
        provider: EsimProvider,
        asked_first: str,
    ) -> Begun:
        """Begin a purchase as one that may have been made: its seller is asked, as after a crash.

        Raises:
            ProviderUnavailable: it is another one's turn to be asked.
        """
        if provider.name != asked_first:
            raise ProviderUnavailable(
                f"A backup was restored: {asked_first} is asked first whether it has sold already."
            )
        fresh = await self._begin(connection, profile, provider)
        await purchases.move(connection, fresh.purchase, PurchaseState.SENT)
        assumed = replace(fresh.purchase, state=PurchaseState.SENT)
        doubt = ProviderOutcomeUnknown(
            f"A backup was restored: {provider.name} may have sold before what is missing here."
        )
        unknown = await purchases.close(
            connection, assumed, PurchaseState.UNKNOWN, reply=None, error=doubt
        )
        await record(connection, unknown, EventKind.PURCHASE_UNKNOWN, doubt)
        return await self._take_up(connection, profile, unknown)

    async def _take_up(
        self, connection: AsyncConnection, profile: Profile, purchase: Purchase
    ) -> Begun:
        person = await self._lost.needs_a_person(connection, profile, purchase.provider)
        return replace(await _found(connection, profile, purchase), needs_a_person=person)

    async def _begin(
        self, connection: AsyncConnection, profile: Profile, provider: EsimProvider
    ) -> Begun:
        reference = f"{self._prefix}order-{profile.order_id}"
        request = await provision_request(connection, profile, provider.name, reference)
        purchase = await purchases.intend(
            connection,
            order_id=profile.order_id,
            provider=provider.name,
            reference=reference,
            plan_code=request.plan_code,
            request=provider.describe_request(request),
        )
        return Begun(purchase, request, profile.user_id)


async def _found(connection: AsyncConnection, profile: Profile, purchase: Purchase) -> Begun:
    """Take up a purchase; it asks for the same again whatever `plan_codes` says by now."""
    asked = await provision_request(connection, profile, purchase.provider, purchase.reference)
    request = replace(
        asked,
        plan_code=purchase.plan_code or asked.plan_code,
        provider_order_id=purchase.provider_order_id,
    )
    return Begun(purchase, request, profile.user_id)


async def mark_sent(connection: AsyncConnection, purchase: Purchase) -> Purchase:
    """Write down, with its event, that a purchase leaves now; returns it as it is then.

    Raises:
        StaleWrite: it is not in the state that it was read in.
    """
    sent = await purchases.mark_sent(connection, purchase)
    await record(connection, sent, EventKind.PURCHASE_SENT)
    return sent


def check_wanted(profile: Profile) -> None:
    """Refuse to buy for an order that has ended or is not paid any more.

    Raises:
        ActivationCancelled, OrderNotPaid.
    """
    if profile.status in ENDED | READY:
        raise ended(profile)
    if profile.order_status is not OrderStatus.PAID:
        raise OrderNotPaid("Order was refunded before its eSIM was bought.")


def _bought_before(profile: Profile, bought: Purchase) -> ActivationCancelled | NeedsReview:
    if profile.status in ENDED:
        return ended(profile)
    return NeedsReview(
        f"The purchase {bought.reference} was confirmed, and its profile is not held for the"
        " order any more; nothing is bought a second time."
    )


def ended(profile: Profile) -> ActivationCancelled:
    """Tell whether the order needs no eSIM any more, or has one."""
    return ActivationCancelled(f"The activation of order {profile.order_id} has ended.")
