"""The providers' branch of the tree that `domain/errors.py` draws."""

from collections.abc import Mapping
from typing import ClassVar

from domain.consequence import OnFailure, ParkedAs, Retry
from domain.esim_error import EsimError
from domain.purchase import Heard


class ProviderError(EsimError):
    """A provider was asked, and gave no eSIM.

    Attributes:
        reply: what came back, without secrets, kept for ops; None if nothing did.
        retry_after_seconds: the wait that the provider, or its gate, asked for; None if none.
        answered: the provider said so itself, in a message of its own protocol: whatever follows
            for the order, the provider is in health.
        in_doubt: the call may have done something that we did not hear of. Always so if nothing
            was said; never of a refusal.
    """

    code = "provider-error"
    heard: ClassVar[Heard] = Heard.NOTHING
    """The call in one word, for the table of `domain/purchase.py`."""
    _in_doubt: ClassVar[bool] = True
    weight: ClassVar[int] = 0
    """How likely it means that money was spent; see `domain/review.py`."""

    def __init__(
        self,
        message: str,
        *,
        reply: Mapping[str, object] | None = None,
        retry_after_seconds: float | None = None,
        answered: bool = False,
        in_doubt: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.reply = reply
        self.retry_after_seconds = retry_after_seconds
        self.answered = answered
        self.in_doubt = self._in_doubt if in_doubt is None else in_doubt


class ProviderUnavailable(ProviderError):
    """Nothing was booked; the same call is safe later."""

    code = "provider-unavailable"
    heard = Heard.UNAVAILABLE
    weight = 1
    retry = Retry.BRIEFLY
    benign = True
    on_failure = OnFailure.NEXT_ROUND
    fails_over = True
    is_outage = True


class ProviderHeld(ProviderUnavailable):
    """The provider was not called: it is paused, cooling down after failures, or over a limit."""

    code = "provider-held"
    heard = Heard.HELD
    retry = Retry.NEVER
    _in_doubt = False


class CredentialsRefused(ProviderUnavailable):
    """The provider knows neither our key nor our address: nothing was booked, for any order.

    It is the provider's trouble and not the order's: whoever gets it holds the provider.
    """

    code = "credentials-refused"
    _in_doubt = False
    retry = Retry.NEVER
    next_step = "Mend the provider's key or our address there, then: esimctl resume PROVIDER"


class ProviderRefused(ProviderError):
    """A definite no: bad plan code, wrong package, no credit."""

    code = "provider-refused"
    heard = Heard.REFUSED
    _in_doubt = False
    fails_over = True
    drops_seller = True


class ProviderOutOfStock(ProviderRefused):
    """A definite no that more stock would turn into a yes."""

    code = "provider-out-of-stock"
    parks_as = ParkedAs.EXHAUSTED
    drops_seller = False  # the one that a person chose may get more stock


class ProviderOrderFailed(ProviderRefused):
    """The provider has said of an order it had accepted that it will never be delivered."""

    code = "provider-order-failed"
    heard = Heard.WILL_NOT_COME


class ProviderOutcomeUnknown(ProviderError):
    """It may have been booked: look it up before anything else."""

    code = "provider-outcome-unknown"
    weight = 2
    retry = Retry.BRIEFLY
    on_failure = OnFailure.NEXT_ROUND
    parks_as = ParkedAs.NEEDS_REVIEW
    is_outage = True


class ProviderReplyUnusable(ProviderOutcomeUnknown):
    """The provider answered, most likely sold, and nothing of the answer may be delivered.

    Attributes:
        raw: what came back, secrets included: for quarantine alone, never for a message.
    """

    code = "provider-reply-unusable"
    weight = 3
    heard = Heard.UNUSABLE
    on_failure = OnFailure.PARK
    is_outage = False  # it answered

    def __init__(
        self,
        message: str,
        *,
        raw: str | None = None,
        reply: Mapping[str, object] | None = None,
        in_doubt: bool | None = None,
    ) -> None:
        super().__init__(message, reply=reply, in_doubt=in_doubt)
        self.raw = raw
