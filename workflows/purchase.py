"""Buys for an activation: along the plan's route, until delivery, to a settled end."""

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


class Buyer:
    """Buys for one order, at whichever provider.

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
        """Note that the provider has said something: whoever waits looks now."""
        self._news = True

    @property
    def has_news(self) -> bool:
        """Tell whether the provider has said something that is worth a look."""
        return self._news and self._heard < policies.MAXIMUM_NEWS

    def take_news(self) -> bool:
        """Tell whether there is such news, and count it as looked into."""
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
        """Ask the route's providers in turn until one sells; return the id of what it sold.

        Nobody else is asked while anybody may have booked: only a definite refusal, or a call that
        never left, leads to the next provider.

        Raises:
            FailureError: nobody sold; of all failures, the one that leaves most hope.
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
        """Learn what became of an ended order's purchase, and give back what nobody needs."""
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
        """Buy from the present seller; if it delivers later, wait for that and ask now and then."""
        item_id = await steps.call_provider(PurchaseOrder(self._order_id, self.seller))
        waits = Waits(policies.DELIVERY_WAITS, afterwards=policies.UNSETTLED_RECHECK)
        while item_id is None:
            await self._hear_during(waits, interrupted)
            await check_requests()
            order = PurchaseOrder(self._order_id, self.seller, overdue=waits.are_over)
            item_id = await steps.call_provider(order)
        return item_id

    async def _following(self, error: FailureError, tried: list[str]) -> str | None:
        if not kind_of(classify(error)).fails_over:
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
        """Wait until the provider or a person says something, or until it is time to ask.

        Neither moves that time. After `MAXIMUM_NEWS` notifications only the clock counts, so that
        a flood of them neither hurries an order into a review nor lengthens its history.
        """
        if await waits.woken(lambda: self.has_news or interrupted(), "Ask the provider"):
            self.take_news()


def _most_hopeful(failures: list[FailureError]) -> FailureError:
    """Choose the failure that decides what the order waits for.

    The last provider may have booked unless it plainly refused: then its failure decides. Among
    plain refusals one that passes with time comes first, then one that stock would cure, so that
    the order is not parked for a person while either may help.
    """
    last = failures[-1]
    if not kind_of(classify(last)).fails_over:
        return last
    hopes = (None, ProfileStatus.EXHAUSTED)
    ranked = (error for hope in hopes for error in failures if classify(error).parks_as is hope)
    return next(ranked, last)
