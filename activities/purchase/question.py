"""What a provider was asked of a purchase, what it replied, and what follows for the activation."""

from collections.abc import Awaitable
from dataclasses import dataclass

from db.purchases import Purchase
from domain.errors import NeedsReview, ProviderError, ProviderOutcomeUnknown
from domain.provider import AcceptedOrder, Answer, ProvisionedEsim
from domain.purchase import Asked, Heard, Then


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, of which purchase.

    Attributes:
        again: an earlier send of the purchase may have been booked.
        overdue: an accepted order has had its time: a person must look if it is not delivered.
    """

    purchase: Purchase
    asked: Asked
    again: bool = False
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What one call brought: an answer, nothing that was found, or an error in its place."""

    answer: Answer | None = None
    error: ProviderError | None = None

    @property
    def heard(self) -> Heard:
        """The reply in one word."""
        if self.error is not None:
            return self.error.heard
        if isinstance(self.answer, ProvisionedEsim):
            return Heard.SOLD
        return Heard.ACCEPTED if isinstance(self.answer, AcceptedOrder) else Heard.ABSENT


async def reply_to(call: Awaitable[Answer | None]) -> Reply:
    """Make a call and take its error for a reply. Any other exception is a defect and passes."""
    try:
        return Reply(answer=await call)
    except ProviderError as error:
        return Reply(error=error)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from a reply for the activation.

    Attributes:
        purchase: as it stands now; of a sale, as it was before.
        error: what the provider said, where it sold nothing.
        item_id: the item that it gave; None if it gave none, or is not on hand for its order.
    """

    then: Then
    purchase: Purchase
    error: ProviderError | None = None
    item_id: int | None = None

    def check(self) -> None:
        """Raise what the activity must end with, unless the profile is ours or is waited for.

        Raises:
            ProviderUnavailable: nothing was booked; the same purchase may be made anew.
            ProviderRefused: nothing was booked, and this provider will not sell.
            ProviderOutcomeUnknown: it may be booked, and asking again settles it.
            NeedsReview: it may be booked, and only a person can settle it.
        """
        if self.then in {Then.KEEP, Then.WAIT}:
            return
        if self.error is None or self.then is Then.A_PERSON:
            raise review(self.purchase)
        raise still_unknown(self.error) if self.then is Then.ASK_LATER else self.error


def review(purchase: Purchase) -> NeedsReview:
    """Name a purchase that only a person can settle."""
    return NeedsReview(
        f"The purchase {purchase.reference} at {purchase.provider} may have been booked; "
        "ask the provider before anything is bought again."
    )


def still_unknown(error: ProviderError) -> ProviderOutcomeUnknown:
    """Turn a call that settled nothing into a purchase whose outcome is still unknown."""
    if isinstance(error, ProviderOutcomeUnknown):
        return error
    return ProviderOutcomeUnknown(error.message, retry_after_seconds=error.retry_after_seconds)
