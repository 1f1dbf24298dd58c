"""Buying a profile. It costs money, so the database knows of it before the provider does.

1. A transaction commits what is about to be bought (INTENDED): nothing has left.
2. A transaction passes the provider's gate and commits that the request leaves now (SENT).
3. The provider is called outside any transaction.
4. A transaction commits the outcome: the item RESERVED for its order, ACCEPTED if the provider
   delivers later, or why there is none.

Whoever finds an intent that left and has no outcome does not know whether it was booked; what
happens then is the provider's `Ambiguity` (activities/purchase/settle.py).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from activities.origin import origin
from activities.pause_points import PausePoint, PausePoints
from activities.purchase.gate import Clock, ProviderGate, wait_for_turn
from activities.purchase.give_back import Returns
from activities.purchase.long_steps import heartbeats, to_the_end
from activities.purchase.prepare import Begun, Preparation, check_wanted, ended
from activities.purchase.record import PurchaseOutcomes, review
from activities.purchase.settle import Doubt, Settlement
from activities.purchase.trail import record
from db import notices, profiles, purchases, stock
from db.engine import transaction
from db.locks import HeldLock, PurchaseLock
from db.purchases import Purchase
from domain.errors import (
    ActivationCancelled,
    NeedsReview,
    OrderNotPaid,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderReplyUnusable,
)
from domain.event import EventKind
from domain.gate import SpendLimits
from domain.profile import ProfileStatus
from domain.provider import (
    AcceptedOrder,
    Answer,
    EsimProvider,
    ProvisionedEsim,
    ProvisionRequest,
    resellable,
)
from domain.purchase import Ambiguity, PurchaseState

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
    ) -> None:
        self._engine = engine
        self._pause = pause
        self._providers = providers
        self._lock = PurchaseLock(engine)
        self._gate = ProviderGate(engine, rules.allowance, rules.clock)
        self._outcomes = PurchaseOutcomes(engine, resellable(providers))
        self._preparation = Preparation(engine, self._gate, rules.reference_prefix)
        self._settlement = Settlement(engine, self._gate, self._outcomes)
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
        return await self._alone(order.order_id, lambda lock: self._purchase(order, provider, lock))

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

    async def _alone(
        self, order_id: int, work: Callable[[HeldLock], Awaitable[ResultT]]
    ) -> ResultT:
        """Hold the order's purchase while working on it, to the end."""

        async def locked() -> ResultT:
            async with heartbeats(), self._lock.hold(order_id) as lock:
                return await work(lock)

        return await to_the_end(locked())

    async def _purchase(
        self, order: PurchaseOrder, provider: EsimProvider, lock: HeldLock
    ) -> int | None:
        purchase = await self._preparation.prepare(order.order_id, provider)
        if purchase is None:
            return await self._hand_over(order.order_id)
        answer: Answer | None
        if purchase.intent.state is PurchaseState.INTENDED:
            intent = await self._depart(purchase, provider)
            answer, intent = await self._send(intent, purchase.request, provider, lock)
            if isinstance(answer, AcceptedOrder) and await self._may_go_on(intent, provider):
                answer = await self._take_next_step(purchase, intent, provider)
        else:
            answer, intent = await self._ask_again(purchase, provider, lock, overdue=order.overdue)
        if not isinstance(answer, ProvisionedEsim):
            await self._forget_failure(order.order_id)
            return None
        await self._pause.reach(PausePoint.AFTER_REPLY, order.order_id)
        await self._outcomes.keep(intent, answer)
        await self._gate.report(provider, None)
        await self._pause.reach(PausePoint.AFTER_PURCHASE, order.order_id)
        return await self._hand_over(order.order_id)

    def _provider(self, name: str) -> EsimProvider:
        provider = self._providers.get(name)
        if provider is None:
            known = ", ".join(sorted(self._providers))
            raise ProviderRefused(f"There is no provider {name} here; there is: {known}.")
        return provider

    async def _ask_again(
        self, purchase: Begun, provider: EsimProvider, lock: HeldLock, *, overdue: bool
    ) -> tuple[Answer | None, Purchase]:
        """Find out about a purchase that left without an outcome, as the provider allows."""
        intent, request = purchase.intent, purchase.request
        if intent.provider_order_id or provider.ambiguity is Ambiguity.LOOKUP:
            doubt = Doubt(intent, request, overdue=overdue)
            return await self._settlement.look_up(doubt, provider), intent
        if provider.ambiguity is Ambiguity.REVIEW:
            await self._settlement.give_to_a_person(intent)
            raise review(intent)
        intent = await self._depart(purchase, provider)
        return await self._send(intent, request, provider, lock, unsure=True)

    async def _send(
        self,
        intent: Purchase,
        request: ProvisionRequest,
        provider: EsimProvider,
        lock: HeldLock,
        *,
        unsure: bool = False,
    ) -> tuple[Answer, Purchase]:
        """Call, and commit a failure or an acceptance before anybody hears of it.

        Whoever was frozen since the purchase was marked sent may have lost the lock, and somebody
        else may have bought meanwhile: then nothing leaves.
        """
        await self._pause.reach(PausePoint.BEFORE_SEND, intent.order_id)
        await lock.check()
        try:
            answer = await provider.provision(request)
        except ProviderError as error:
            await self._outcomes.fail(intent, error, unsure=unsure)
            await self._gate.report(provider, error)
            raise _outlook(error, intent, provider, unsure=unsure) from None
        if isinstance(answer, AcceptedOrder):
            intent = await self._outcomes.accept(intent, answer)
            await self._gate.report(provider, None)
        return answer, intent

    async def _may_go_on(self, intent: Purchase, provider: EsimProvider) -> bool:
        """Whether an order accepted just now need not be waited for.

        The next step may be ours to take; or its delivery was announced before we had its name.
        """
        if provider.releases or intent.provider_order_id is None:
            return provider.releases
        async with transaction(self._engine) as connection:
            return await notices.heard_of(connection, provider.name, intent.provider_order_id)

    async def _take_next_step(
        self, purchase: Begun, intent: Purchase, provider: EsimProvider
    ) -> Answer | None:
        request = replace(purchase.request, provider_order_id=intent.provider_order_id)
        return await self._settlement.look_up(Doubt(intent, request, overdue=False), provider)

    async def _forget_failure(self, order_id: int) -> None:
        """Whoever asks for the order now learns that it is under way, and nudges nobody."""
        async with transaction(self._engine) as connection:
            await profiles.forget_failure(connection, await profiles.lock(connection, order_id))

    async def _depart(self, purchase: Begun, provider: EsimProvider) -> Purchase:
        """Pass the gate and commit the purchase as SENT; what may not leave is withdrawn.

        Raises:
            OrderNotPaid, ActivationCancelled, ProviderHeld: nothing has left.
        """
        intent, waited = purchase.intent, 0.0
        while True:
            try:
                async with transaction(self._engine) as connection:
                    check_wanted(await profiles.lock(connection, intent.order_id))
                    hold = await self._gate.admit_purchase(
                        connection, provider, user_id=purchase.user_id
                    )
                    if hold is None:
                        sent = await purchases.mark_sent(connection, intent)
                        await record(connection, sent, EventKind.PURCHASE_SENT)
                        return sent
                waited = await wait_for_turn(provider, hold, waited)
            except (OrderNotPaid, ActivationCancelled, ProviderError) as error:
                if intent.state is PurchaseState.INTENDED:
                    await self._outcomes.withdraw(intent, error.message)
                    raise
                if isinstance(error, ProviderError):  # nobody knows any more than before
                    raise _still_unknown(error) from None
                await self._settlement.give_to_a_person(intent)
                raise review(intent) from None

    async def _hand_over(self, order_id: int) -> int:
        """Make a bought profile usable and its item the order's; returns the item's id.

        Raises:
            ProviderError: its code does not work yet; ask again.
            ActivationCancelled: it was let go of, because the activation has ended.
        """
        await self._release(order_id)
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

    async def _release(self, order_id: int) -> None:
        """Where codes work only after a release: whoever is called, the seller must do it."""
        async with transaction(self._engine) as connection:
            bought = await purchases.bought_for(connection, order_id)
        seller = self._providers.get(bought.provider) if bought else None
        if seller is not None and seller.releases:
            await self._returns.release(order_id, seller)

    async def _settle_ended(self, order: PurchaseOrder, provider: EsimProvider) -> bool:
        doubt = await self._open_doubt(order)
        here = doubt if doubt and doubt.intent.provider == provider.name else None
        if here is not None and not await self._settlement.conclude(here, provider):
            return False
        return await self._returns.give_back(order.order_id, provider)

    async def _open_doubt(self, order: PurchaseOrder) -> Doubt | None:
        async with transaction(self._engine) as connection:
            profile = await profiles.lock(connection, order.order_id)
            begun = await purchases.open_for(connection, order.order_id)
            if begun is None:
                return None
            request = await self._preparation.request(connection, profile, begun)
            return Doubt(begun, request, overdue=order.overdue)


def _outlook(
    error: ProviderError, intent: Purchase, provider: EsimProvider, *, unsure: bool
) -> ProviderError | NeedsReview:
    """What a failed send leaves to do: try again, ask, or leave it to a person."""
    unknown = isinstance(error, ProviderOutcomeUnknown)
    if unsure and isinstance(error, ProviderRefused):
        return review(intent)
    if unknown and provider.ambiguity is Ambiguity.REVIEW:
        return review(intent)
    if unsure and isinstance(error, ProviderReplyUnusable):  # it would come again the same
        return review(intent)
    if unsure and not unknown:
        # This call booked nothing; of the earlier one nobody knows yet.
        return _still_unknown(error)
    return error


def _still_unknown(error: ProviderError) -> ProviderOutcomeUnknown:
    return ProviderOutcomeUnknown(error.message, retry_after_seconds=error.retry_after_seconds)
