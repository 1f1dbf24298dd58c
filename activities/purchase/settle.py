"""Finding out what became of a purchase that left without an outcome. Buys nothing."""

from collections.abc import Awaitable
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncEngine

from activities.purchase.gate import ProviderGate
from activities.purchase.prepare import Begun
from activities.purchase.question import Outcome, Question, Reply, reply_to
from activities.purchase.record import PurchaseRecord
from activities.purchase.repeating import repeatable
from db import notices, repeated_calls
from db.engine import transaction
from db.purchases import Purchase
from domain.errors import ProviderOrderFailed, ProviderOutcomeUnknown
from domain.provider import Answer, EsimProvider
from domain.purchase import Ambiguity, Asked, PurchaseState, Then


class Settlement:
    """Look-ups, and the end of purchases that nobody waits for any more."""

    def __init__(self, engine: AsyncEngine, gate: ProviderGate, record: PurchaseRecord) -> None:
        self._engine = engine
        self._gate = gate
        self._record = record

    async def look_up(self, begun: Begun, provider: EsimProvider, *, overdue: bool) -> Outcome:
        """Ask what became of a purchase, and write it down.

        An accepted order that its provider has, over its signature, called failed is not asked for.
        """
        purchase = begun.purchase
        question = Question(purchase, Asked.LOOKED_UP, overdue=overdue)
        failed = await self._told_of_failure(purchase)
        reply = Reply(error=failed) if failed else await self._ask(begun, provider)
        return await self._record.conclude(question, provider, reply)

    async def settle(self, begun: Begun, provider: EsimProvider, *, overdue: bool) -> bool:
        """Settle an ended order's purchase: True if it is settled, or is a person's matter now.

        Raises:
            ProviderOutcomeUnknown: ask again later.
        """
        purchase = begun.purchase
        if not purchase.has_left:
            reason = "The activation ended before anything was sent."
            await self._record.withdraw(purchase, reason)
            return True
        if not (can_be_asked(purchase, provider) or provider.traits.finds):
            # Sending again to find out could be the purchase that nobody wants any more.
            await self.give_to_a_person(purchase, provider)
            return True
        outcome = await self.look_up(begun, provider, overdue=overdue)
        if outcome.then is Then.ASK_LATER:
            if not overdue:
                outcome.check()
            await self.give_to_a_person(outcome.purchase, provider)
        return outcome.then is not Then.WAIT

    async def give_to_a_person(self, purchase: Purchase, provider: EsimProvider) -> None:
        """Say that nobody but a person can settle it: SENT without an outcome becomes UNKNOWN."""
        if purchase.state is PurchaseState.SENT:
            cut_off = ProviderOutcomeUnknown(
                f"The request to {purchase.provider} was cut off: it may have been booked."
            )
            question = Question(purchase, Asked.SENT, again=True)
            await self._record.conclude(question, provider, Reply(error=cut_off))

    async def _ask(self, begun: Begun, provider: EsimProvider) -> Reply:
        def call() -> Awaitable[Answer | None]:
            """Look it up, or take its next step."""
            if provider.traits.enables and begun.purchase.provider_order_id is not None:
                return repeatable(self._engine, begun.purchase, step)
            return provider.advance(begun.request)

        async def step(repeated: bool) -> Answer | None:
            """Take it, knowing whether an earlier one may have arrived."""
            ours = repeated and await self._is_named_alone(begun.purchase)
            return await provider.advance(replace(begun.request, repeated=ours))

        return await reply_to(self._gate.through(provider, call))

    async def _is_named_alone(self, purchase: Purchase) -> bool:
        """Tell whether the provider's name of the order is no other live purchase's of ours.

        A name that two have was told wrongly to one of them, and what the other has done with it
        proves nothing.
        """
        async with transaction(self._engine) as connection:
            return await repeated_calls.is_named_alone(connection, purchase)

    async def _told_of_failure(self, purchase: Purchase) -> ProviderOrderFailed | None:
        if purchase.provider_order_id is None:
            return None
        async with transaction(self._engine) as connection:
            reason = await notices.failed(connection, purchase.provider, purchase.provider_order_id)
        if reason is None:
            return None
        return ProviderOrderFailed(f"{purchase.provider} could not deliver the order: {reason}")


def can_be_asked(purchase: Purchase, provider: EsimProvider) -> bool:
    """Tell whether a look-up can find the purchase, by the provider's own name of it or by ours."""
    by_reference = provider.traits.ambiguity is Ambiguity.LOOKUP
    return by_reference or purchase.provider_order_id is not None
