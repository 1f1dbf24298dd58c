"""The part of an activation that buys: along the plan's route, until delivery, to a settled end."""

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.purchase.buy import PurchaseOrder
    from activities.routes import RouteRequest
    from domain.profile import ProfileStatus

from workflows import policies, steps
from workflows.outcome import classify, kind_of
from workflows.waits import Waits

FAILOVER = "failover"
"""Patch: a definite refusal goes on to the route's next provider."""


class Buyer:
    """One order's purchase, wherever it is made.

    Attributes:
        seller: who is asked, or was asked last; empty if nobody was.
        open_at: where an earlier purchase is still open although the order was served otherwise.
    """

    def __init__(self, order_id: int) -> None:
        self._order_id = order_id
        self._news = False
        self._heard = 0
        self.seller = ""
        self.open_at = ""

    def hear(self) -> None:
        """The provider has said something: whoever waits looks now."""
        self._news = True

    @property
    def has_news(self) -> bool:
        """Whether the provider has said something that is worth a look."""
        return self._news and self._heard < policies.MAXIMUM_NEWS

    def take_news(self) -> bool:
        """The same, and whoever asks looks into it."""
        news = self.has_news
        self._heard += news
        self._news = False
        return news

    async def buy(
        self,
        *,
        only_here: bool,
        interrupted: Callable[[], bool],
        check_requests: Callable[[], Awaitable[None]],
    ) -> int:
        """The id of the item that the first provider of the route which sells one has sold.

        Nobody else is asked while anybody may have booked: only a definite refusal, or a call that
        never left, leads to the next provider.

        Raises:
            FailureError: of those who were asked, the failure that leaves most hope.
        """
        failures: list[FailureError] = []
        tried: list[str] = []
        while True:
            try:
                return await self._buy_here(interrupted, check_requests)
            except FailureError as error:
                if is_cancelled_exception(error):
                    raise
                failures.append(error)
            tried.append(self.seller)
            following = None if only_here else await self._following(failures[-1], tried)
            if following is None:
                raise _most_hopeful(failures)
            self.seller = following

    async def settle(self) -> None:
        """After the end: learn what became of an open purchase, give back what nobody needs."""
        waits = Waits(policies.SETTLEMENT_WAITS, afterwards=policies.UNSETTLED_RECHECK)
        while (provider := await steps.find_unsettled(self._order_id)) is not None:
            order = PurchaseOrder(self._order_id, provider, overdue=waits.are_over)
            if await self._is_settled(order):
                return
            await self._hear_during(waits, lambda: False)

    async def _buy_here(
        self,
        interrupted: Callable[[], bool],
        check_requests: Callable[[], Awaitable[None]],
    ) -> int:
        """Buy, and wait for an accepted order: for the provider's word, asking now and then."""
        item_id = await steps.call_provider(PurchaseOrder(self._order_id, self.seller))
        waits = Waits(policies.DELIVERY_WAITS, afterwards=policies.UNSETTLED_RECHECK)
        while item_id is None:
            await self._hear_during(waits, interrupted)
            await check_requests()
            order = PurchaseOrder(self._order_id, self.seller, overdue=waits.are_over)
            item_id = await steps.call_provider(order)
        return item_id

    async def _following(self, error: FailureError, tried: list[str]) -> str | None:
        if not kind_of(classify(error)).fails_over or not workflow.patched(FAILOVER):
            return None
        return await steps.choose_provider(RouteRequest(self._order_id, tried))

    async def _is_settled(self, order: PurchaseOrder) -> bool:
        try:
            return await steps.settle_purchase(order)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            return False  # it was not to be had now; the next wait is longer

    async def _hear_during(self, waits: Waits, interrupted: Callable[[], bool]) -> None:
        """Wait for the provider's word, for a person's, or for the time to ask.

        Neither moves the clock, and beyond some news that alone is heeded: who floods us with
        notifications must not hurry an order into a review, or lengthen a history.
        """
        if await waits.woken(lambda: self.has_news or interrupted(), "Ask the provider"):
            self.take_news()


def _most_hopeful(failures: list[FailureError]) -> FailureError:
    """One that waiting may mend, else one that stock may: the order must not park for the others.

    The last one, if it is no plain refusal: it may have been booked there.
    """
    last = failures[-1]
    if not kind_of(classify(last)).fails_over:
        return last
    hopes = (None, ProfileStatus.EXHAUSTED)
    ranked = (error for hope in hopes for error in failures if classify(error).parks_as is hope)
    return next(ranked, last)
