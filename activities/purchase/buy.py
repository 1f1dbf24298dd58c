"""Buying a profile. It costs money, so the database knows of it before the provider does.

`_buy` and `_send` show the four steps where they happen. Whoever finds a purchase that left and
has no outcome does not know whether it was booked; what follows from what its provider says of it
is the table in `domain/purchase.py`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from activities.origin import origin
from activities.pause_points import PausePoint, PausePoints
from activities.purchase.gate import Clock, ProviderGate, Wake, wait_for_turn
from activities.purchase.give_back import Returns
from activities.purchase.keep import BoughtItems
from activities.purchase.long_steps import heartbeats, to_the_end
from activities.purchase.lost import LostPurchases
from activities.purchase.prepare import Begun, Preparation, check_wanted, ended, mark_sent
from activities.purchase.question import (
    Outcome,
    Question,
    reply_to,
    review,
    still_unknown,
)
from activities.purchase.record import PurchaseRecord
from activities.purchase.settle import Settlement, can_be_asked
from db import notices, profiles, purchases, stock
from db.engine import transaction
from db.locks import HeldLock, PurchaseLock
from db.purchases import Purchase
from domain.errors import ActivationCancelled, OrderNotPaid, ProviderError, ProviderRefused
from domain.event import EventKind
from domain.gate import SpendLimits
from domain.profile import ProfileStatus
from domain.provider import EsimProvider, promising_unique_iccids, resellable
from domain.purchase import Ambiguity, Asked, Then

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """What to buy for which order, and where.

    Attributes:
        overdue: an accepted order has had its time: if it is still not delivered, a person must
            look at it.
    """

    order_id: int
    provider: str
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class PurchaseRules:
    """What holds for the purchases of this deployment, wherever they are made.

    Attributes:
        allowance: the spend guard.
        reference_prefix: put before every reference, so that no two environments share one.
        clock: of tests that skip time.
    """

    allowance: SpendLimits = field(default=SpendLimits())
    reference_prefix: str = ""
    clock: Clock | None = None


class ProviderActivities:
    """Calls providers, each through its own adapter."""

    def __init__(
        self,
        engine: AsyncEngine,
        pause: PausePoints,
        providers: Mapping[str, EsimProvider],
        rules: PurchaseRules,
        wake: Wake | None = None,
    ) -> None:
        self._engine = engine
        self._pause = pause
        self._providers = providers
        self._lock = PurchaseLock(engine)
        self._gate = ProviderGate(engine, rules.allowance, rules.clock, wake)
        items = BoughtItems(engine, resellable(providers), promising_unique_iccids(providers))
        self._record = PurchaseRecord(engine, pause, self._gate, items)
        self._preparation = Preparation(
            engine, self._gate, LostPurchases(providers), rules.reference_prefix
        )
        self._settlement = Settlement(engine, self._gate, self._record)
        self._returns = Returns(engine, self._gate)

    @activity.defn(name="call_provider")
    async def call_provider(self, order: PurchaseOrder) -> int | None:
        """Buy one profile for an order; returns the id of the item it became.

        None if the provider has accepted the order and delivers later: call again then. Idempotent
        as far as the provider cooperates: an order that holds an item, or whose purchase is
        confirmed, is never bought for again.

        Raises:
            OrderNotPaid, ActivationCancelled: it ended meanwhile; nothing was sent.
            ProviderHeld: the provider may not be called now; nothing was sent.
            ProviderUnavailable: nothing was booked; safe to repeat.
            ProviderRefused: a definite no.
            ProviderOutcomeUnknown: it may be booked, and asking again settles it.
            NeedsReview: it may be booked, and only a person can settle it.
            PurchaseUnderWay: another attempt has not let go of the order yet.
        """
        provider = self._provider(order.provider)
        return await self._alone(order.order_id, lambda lock: self._buy(order, provider, lock))

    @activity.defn(name="settle_purchase")
    async def settle_purchase(self, order: PurchaseOrder) -> bool:
        """Find out what became of an ended order's purchase, and give back what nobody needs.

        Buys nothing. True if there is nothing left to do, or nothing but for a person; False if
        asking again later may help. Idempotent.

        Raises:
            ProviderHeld, ProviderUnavailable, ProviderOutcomeUnknown: ask again later.
            PurchaseUnderWay: another attempt has not let go of the order yet.
        """
        provider = self._provider(order.provider)
        return await self._alone(order.order_id, lambda _: self._settle_ended(order, provider))

    async def _buy(
        self, order: PurchaseOrder, provider: EsimProvider, lock: HeldLock
    ) -> int | None:
        # 1. Write down what is about to be bought (INTENDED): nothing has left.
        begun = await self._preparation.prepare(order.order_id, provider)
        if begun is None:  # the order holds an item already
            return await self._hand_over(order.order_id)
        if begun.purchase.has_left and not begun.leaves_now:
            outcome = await self._ask_again(begun, provider, lock, overdue=order.overdue)
        else:
            outcome = await self._send(begun, provider, lock)
        outcome.check()
        if outcome.then is Then.WAIT:
            await self._forget_failure(order.order_id)
            return None
        if outcome.item_id is None or provider.traits.enables:
            return await self._hand_over(order.order_id)
        return outcome.item_id

    async def _send(
        self, begun: Begun, provider: EsimProvider, lock: HeldLock, *, again: bool = False
    ) -> Outcome:
        """Send a purchase, and commit what came of it before anybody hears of it.

        Whoever was frozen since the purchase was marked sent may have lost the lock, and somebody
        else may have bought meanwhile: then nothing leaves.
        """
        # 2. Pass the provider's gate, and write down that the request leaves now (SENT). One whose
        #    turn it was in step 1 has done so in the same transaction.
        purchase = await self._depart(begun, provider)
        await self._pause.reach(PausePoint.BEFORE_SEND, purchase.order_id)
        await lock.check()
        # 3. Call the provider, outside any transaction.
        reply = await reply_to(provider.provision(begun.request))
        # 4. Write down what came of it: the item RESERVED for its order, ACCEPTED if the provider
        #    delivers later, or why there is none.
        question = Question(purchase, Asked.SENT, again=again)
        outcome = await self._record.conclude(question, provider, reply)
        await self._gate.report(provider, reply.error)
        if outcome.then is Then.WAIT and await self._may_go_on(outcome.purchase, provider):
            return await self._settlement.look_up(
                begun.as_of(outcome.purchase), provider, overdue=False
            )
        return outcome

    async def _ask_again(
        self, begun: Begun, provider: EsimProvider, lock: HeldLock, *, overdue: bool
    ) -> Outcome:
        """Find out about a purchase that left without an outcome, as the provider allows."""
        if can_be_asked(begun.purchase, provider):
            return await self._settlement.look_up(begun, provider, overdue=overdue)
        if begun.needs_a_person or provider.traits.ambiguity is Ambiguity.REVIEW:
            await self._settlement.give_to_a_person(begun.purchase, provider)
            raise review(begun.purchase)
        return await self._send(begun, provider, lock, again=True)

    async def _depart(self, begun: Begun, provider: EsimProvider) -> Purchase:
        """Pass the gate and commit the purchase as SENT; what may not leave is withdrawn.

        Raises:
            OrderNotPaid, ActivationCancelled, ProviderHeld: nothing has left.
            ProviderOutcomeUnknown, NeedsReview: nothing has left now; an earlier send is in doubt.
        """
        if begun.leaves_now:
            return begun.purchase
        purchase, waited = begun.purchase, 0.0
        while True:
            try:
                async with transaction(self._engine) as connection:
                    check_wanted(await profiles.lock(connection, purchase.order_id))
                    hold = await self._gate.admit_purchase(
                        connection, provider, user_id=begun.user_id
                    )
                    if hold is None:
                        return await mark_sent(connection, purchase)
                waited = await wait_for_turn(provider, hold, waited)
            except (OrderNotPaid, ActivationCancelled, ProviderError) as error:
                if not purchase.has_left:
                    await self._record.withdraw(purchase, error.message)
                    raise
                if isinstance(error, ProviderError):  # nobody knows any more than before
                    raise still_unknown(error) from None
                await self._settlement.give_to_a_person(purchase, provider)
                raise review(purchase) from None

    async def _may_go_on(self, purchase: Purchase, provider: EsimProvider) -> bool:
        """Tell whether an order that was accepted just now need not be waited for.

        The next step may be ours to take; or its delivery was announced before we had its name.
        """
        if provider.traits.enables or purchase.provider_order_id is None:
            return provider.traits.enables
        async with transaction(self._engine) as connection:
            return await notices.heard_of(connection, provider.name, purchase.provider_order_id)

    async def _forget_failure(self, order_id: int) -> None:
        """Show an order as under way again, so that whoever asks for it nudges nobody."""
        async with transaction(self._engine) as connection:
            await profiles.forget_failure(connection, await profiles.lock(connection, order_id))

    async def _hand_over(self, order_id: int) -> int:
        """Make a bought profile usable and its item the order's; returns the item's id.

        Raises:
            ProviderError: its code does not work yet; ask again.
            ActivationCancelled: it was let go of, because the activation has ended.
        """
        await self._enable(order_id)
        async with transaction(self._engine) as connection:
            profile = await profiles.lock(connection, order_id)
            item = await stock.held_by(connection, order_id)
            if item is None:
                raise ended(profile)
            if profile.status is ProfileStatus.PENDING_ACTIVATION:
                await profiles.move(
                    connection,
                    profile,
                    ProfileStatus.RESERVED,
                    EventKind.INVENTORY_RESERVED,
                    origin(),
                    payload={"item_id": item.id},
                    inventory_item_id=item.id,
                )
            return item.id

    async def _enable(self, order_id: int) -> None:
        """Have the seller enable the code where it works only then, whoever is called."""
        if not any(each.traits.enables for each in self._providers.values()):
            return
        async with transaction(self._engine) as connection:
            bought = await purchases.bought_for(connection, order_id)
        seller = self._providers.get(bought.provider) if bought else None
        if bought is not None and seller is not None and seller.traits.enables:
            await self._returns.enable(bought, seller)

    async def _settle_ended(self, order: PurchaseOrder, provider: EsimProvider) -> bool:
        begun = await self._preparation.find(order.order_id, provider)
        if begun is not None and not await self._settlement.settle(
            begun, provider, overdue=order.overdue
        ):
            return False
        return await self._returns.give_back(order.order_id, provider)

    def _provider(self, name: str) -> EsimProvider:
        provider = self._providers.get(name)
        if provider is None:
            known = ", ".join(sorted(self._providers))
            raise ProviderRefused(f"There is no provider {name} here; there is: {known}.")
        return provider

    async def _alone(
        self, order_id: int, work: Callable[[HeldLock], Awaitable[ResultT]]
    ) -> ResultT:
        """Hold the order's purchase while working on it, to the end."""

        async def locked() -> ResultT:
            """Do the work, and give signs of life, while nobody else can."""
            async with heartbeats(), self._lock.hold(order_id) as lock:
                return await work(lock)

        return await to_the_end(locked())
