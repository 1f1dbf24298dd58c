"""Finding out what became of a purchase that left without an outcome. Buys nothing."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from activities.purchase.gate import ProviderGate
from activities.purchase.record import PurchaseOutcomes, review
from db import notices, purchases
from db.engine import transaction
from db.purchases import Purchase
from domain.errors import (
    NeedsReview,
    ProviderError,
    ProviderHeld,
    ProviderOrderFailed,
    ProviderOutcomeUnknown,
    ProviderReplyUnusable,
    ProviderUnavailable,
)
from domain.provider import AcceptedOrder, Answer, EsimProvider, ProvisionedEsim, ProvisionRequest
from domain.purchase import Ambiguity, PurchaseState


@dataclass(frozen=True, slots=True)
class Doubt:
    """A purchase that was sent, and of which nobody knows whether it gives a profile.

    Attributes:
        overdue: an accepted order has had its time.
    """

    intent: Purchase
    request: ProvisionRequest
    overdue: bool

    @property
    def is_accepted(self) -> bool:
        """Whether the provider has said that it took the order on."""
        return self.intent.state is PurchaseState.ACCEPTED


class Settlement:
    """Look-ups, and what follows from each answer."""

    def __init__(self, engine: AsyncEngine, gate: ProviderGate, outcomes: PurchaseOutcomes) -> None:
        self._engine = engine
        self._gate = gate
        self._outcomes = outcomes

    async def look_up(self, doubt: Doubt, provider: EsimProvider) -> Answer | None:
        """What was bought; None or an `AcceptedOrder` if it is still to be delivered.

        Raises:
            ProviderOrderFailed: the accepted order will never be delivered: nothing is owed.
            ProviderUnavailable: two look-ups have not found it: it may be bought afresh.
            ProviderOutcomeUnknown: ask again later.
            NeedsReview: only a person can settle it.
        """
        await self._hear_of_failure(doubt)
        try:
            answer = await self._gate.through(provider, lambda: provider.lookup(doubt.request))
        except ProviderError as error:
            return await self._on_error(doubt, error)
        if isinstance(answer, ProvisionedEsim):
            return answer
        if isinstance(answer, AcceptedOrder):
            await self._outcomes.accept(doubt.intent, answer)
        if doubt.overdue and (doubt.is_accepted or isinstance(answer, AcceptedOrder)):
            await self._overdue(doubt)
        if answer is None and not doubt.is_accepted:
            if doubt.intent.provider_order_id:
                raise review(doubt.intent)  # it was accepted once: an absence explains nothing
            await self._absent(doubt, provider)
        return answer

    async def conclude(self, doubt: Doubt, provider: EsimProvider) -> bool:
        """Settle an ended order's purchase: True if it is, or is a person's matter now."""
        intent = doubt.intent
        if intent.state is PurchaseState.INTENDED:
            await self._outcomes.withdraw(intent, "The activation ended before anything was sent.")
            return True
        if not intent.provider_order_id and provider.ambiguity is not Ambiguity.LOOKUP:
            # Sending again to find out could be the purchase that nobody wants any more.
            await self.give_to_a_person(intent)
            return True
        try:
            answer = await self.look_up(doubt, provider)
            if isinstance(answer, ProvisionedEsim):
                await self._outcomes.keep(intent, answer)
        except (NeedsReview, ProviderOrderFailed):
            return True
        except ProviderUnavailable:
            return await self._is_closed(intent.order_id)
        except ProviderOutcomeUnknown:
            if not doubt.overdue:
                raise
            await self.give_to_a_person(intent)
            return True
        return isinstance(answer, ProvisionedEsim)

    async def give_to_a_person(self, intent: Purchase) -> None:
        """Say that nobody but a person can settle it: SENT without an outcome becomes UNKNOWN."""
        if intent.state is PurchaseState.SENT:
            error = ProviderOutcomeUnknown(
                f"The request to {intent.provider} was cut off: it may have been booked."
            )
            await self._outcomes.fail(intent, error, unsure=True)

    async def _on_error(self, doubt: Doubt, error: ProviderError) -> Answer | None:
        """What a look-up that gave no answer means; an accepted order simply waits on."""
        intent = doubt.intent
        if isinstance(error, ProviderOrderFailed) and intent.provider_order_id:
            await self._outcomes.fail(intent, error, unsure=False)
            raise error
        later = isinstance(error, ProviderUnavailable)
        if later and doubt.is_accepted and not doubt.overdue:
            return None
        if later and intent.state is PurchaseState.UNKNOWN:
            # Nothing new is known: the look-up only could not be made.
            raise ProviderOutcomeUnknown(
                error.message, retry_after_seconds=error.retry_after_seconds
            )
        if not (isinstance(error, ProviderHeld) and intent.state is PurchaseState.SENT):
            await self._outcomes.fail(intent, error, unsure=True)
        if not later or doubt.is_accepted or isinstance(error, ProviderReplyUnusable):
            raise review(intent)
        raise ProviderOutcomeUnknown(error.message, retry_after_seconds=error.retry_after_seconds)

    async def _hear_of_failure(self, doubt: Doubt) -> None:
        """End an accepted order that its provider has, over its signature, called failed."""
        intent = doubt.intent
        if not intent.provider_order_id:
            return
        async with transaction(self._engine) as connection:
            reason = await notices.failed(connection, intent.provider, intent.provider_order_id)
        if reason is not None:
            error = ProviderOrderFailed(f"{intent.provider} could not deliver the order: {reason}")
            await self._outcomes.fail(intent, error, unsure=False)
            raise error

    async def _overdue(self, doubt: Doubt) -> None:
        async with transaction(self._engine) as connection:
            intent = await purchases.open_for(connection, doubt.intent.order_id)
        if intent is None:
            return
        error = ProviderOutcomeUnknown(
            f"{intent.provider} accepted the order and has not delivered it in time."
        )
        await self._outcomes.fail(intent, error, unsure=True)
        raise review(intent)

    async def _absent(self, doubt: Doubt, provider: EsimProvider) -> None:
        """Believe a look-up that finds nothing only if one did so a settle gap earlier."""
        intent, gap = doubt.intent, provider.settle_gap_seconds
        async with transaction(self._engine) as connection:
            settled = await purchases.note_absent(
                connection, intent, settle_gap_seconds=gap, now=await self._gate.now()
            )
        if settled:
            await self._outcomes.settle_absent(intent)
            raise ProviderUnavailable(
                f"{provider.name} does not know the purchase: it can be made."
            )
        raise ProviderOutcomeUnknown(
            f"{provider.name} does not show the purchase yet.", retry_after_seconds=gap
        )

    async def _is_closed(self, order_id: int) -> bool:
        async with transaction(self._engine) as connection:
            return await purchases.open_for(connection, order_id) is None
