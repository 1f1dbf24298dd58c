"""The one tree of errors. Foreign exceptions become one of these at the edge where they arise.

EsimError
├── Misconfigured               the process must not start: says which variable
├── InvalidInput                a value that can never work
│   ├── InvalidActivationCode
│   └── InvalidIccid
├── OrderNotFound
├── OrderNotPaid                refunded, or not paid where it must be
├── OrderNotYetPaid             it may be paid later, and activated then
├── ActivationCancelled         the activation ended; it never starts again by itself
├── IllegalTransition           the state machine has no such edge
├── NotWaiting                  a retry was asked of an activation that does not wait for one
├── NeedsReview                 a person must decide before anything else is tried
├── NotInReview                 a decision was given on a purchase that waits for none
├── NoticeRefused              a notification that its provider did not sign, or that says nothing
├── PurchaseUnderWay            another attempt is buying for the same order just now
├── StaleWrite                  an UPDATE that should have changed one row changed none
├── DuplicateStock              an ICCID or code that another item already has
├── UnknownProvider             a retry named a provider that this deployment does not have
├── FaultyStock                 a reserved item turned out to be unusable and was retired
├── StorageFault                Postgres refused a statement: a defect, not a visitor's fault
├── StorageUnavailable          Postgres is away: the same step works later
├── EngineUnavailable           Temporal is away: the same call works later
└── ProviderError               buying from a provider did not give an eSIM
    ├── ProviderUnavailable     nothing was booked; the same call is safe later
    │   └── ProviderHeld        not even called: paused, cooling down, or over a limit
    ├── ProviderRefused         a definite no; the same call will be refused again
    │   ├── ProviderOutOfStock  a definite no that more stock would turn into a yes
    │   └── ProviderOrderFailed an accepted order that will never be delivered
    └── ProviderOutcomeUnknown  it may have been booked: look it up before anything else
        └── ProviderReplyUnusable   it was answered, and nothing of the answer may be delivered

Messages are read by customers, ops and logs alike: they never hold an activation code, an LPA
string, a credential or a provider's raw reply. `code` is the machine-readable name; it crosses
the wire (problem documents, `FailureCode`, workflow histories), so it never changes.
"""

from collections.abc import Mapping
from typing import ClassVar

from domain.purchase import Heard


class EsimError(Exception):
    """Anything this service raises on purpose."""

    code: ClassVar[str] = "esim-error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Misconfigured(EsimError):
    """The environment does not allow this process to start."""

    code = "misconfigured"


class InvalidInput(EsimError):
    """A value that can never work, whoever sends it and whenever."""

    code = "invalid-input"


class InvalidActivationCode(InvalidInput):
    """Not an activation code or LPA string (SGP.22 section 4.1)."""

    code = "invalid-activation-code"


class InvalidIccid(InvalidInput):
    """Not an ICCID (ITU-T E.118)."""

    code = "invalid-iccid"


class OrderNotFound(EsimError):
    """No such order, or another user's: the two are not told apart."""

    code = "order-not-found"


class OrderNotPaid(EsimError):
    """The order is not paid, or not paid any more."""

    code = "order-not-paid"


class OrderNotYetPaid(EsimError):
    """The order may be paid later; until then there is nothing to activate."""

    code = "order-not-yet-paid"


class ActivationCancelled(EsimError):
    """The activation was cancelled; it never starts again by itself."""

    code = "activation-cancelled"


class IllegalTransition(EsimError):
    """The state machine has no edge between these two states."""

    code = "illegal-transition"


class NotWaiting(EsimError):
    """A retry was asked of an activation that does not wait for one."""

    code = "not-waiting"


class NeedsReview(EsimError):
    """A purchase whose outcome only a person can settle."""

    code = "needs-review"


class NotInReview(EsimError):
    """A decision on a purchase that waits for none: settled already, or never in doubt."""

    code = "not-in-review"


class NoticeRefused(EsimError):
    """A notification without its provider's signature, or one that nobody can read."""

    code = "webhook-refused"


class PurchaseUnderWay(EsimError):
    """Another attempt is buying for the same order just now; ask again later."""

    code = "purchase-under-way"


class StaleWrite(EsimError):
    """A write that should have changed exactly one row did not."""

    code = "stale-write"


class DuplicateStock(EsimError):
    """An ICCID or activation code that another inventory item already has."""

    code = "duplicate-stock"


class UnknownProvider(EsimError):
    """A retry named a provider that this deployment does not have; the default is asked next."""

    code = "unknown-provider"


class FaultyStock(EsimError):
    """A reserved item turned out to be unusable; it was retired and another one can be taken."""

    code = "faulty-stock"


class StorageFault(EsimError):
    """Postgres refused a statement; repeating it will not help."""

    code = "storage-fault"


class StorageUnavailable(EsimError):
    """Postgres cannot be reached or asked for a retry; the same step works later."""

    code = "storage-unavailable"


class EngineUnavailable(EsimError):
    """Temporal cannot be reached; the same call works later."""

    code = "engine-unavailable"


class ProviderError(EsimError):
    """A provider gave no eSIM.

    Attributes:
        reply: what came back, without secrets, kept for ops; None if nothing did.
        retry_after_seconds: the wait the provider asked for; None if it named none.
    """

    code = "provider-error"
    heard: ClassVar[Heard] = Heard.NOTHING
    """The call in one word, for the table of `domain/purchase.py`."""

    def __init__(
        self,
        message: str,
        *,
        reply: Mapping[str, object] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reply = reply
        self.retry_after_seconds = retry_after_seconds


class ProviderUnavailable(ProviderError):
    """Nothing was booked; the same call is safe later."""

    code = "provider-unavailable"
    heard = Heard.UNAVAILABLE


class ProviderHeld(ProviderUnavailable):
    """The provider was not called: paused, cooling down after failures, or over a limit.

    `retry_after_seconds` says when it may be called again, as far as that is known.
    """

    code = "provider-held"
    heard = Heard.HELD


class ProviderRefused(ProviderError):
    """A definite no: bad plan code, bad credentials, no credit."""

    code = "provider-refused"
    heard = Heard.REFUSED


class ProviderOutOfStock(ProviderRefused):
    """A definite no that more stock would turn into a yes."""

    code = "provider-out-of-stock"


class ProviderOrderFailed(ProviderRefused):
    """The provider has said of an order it had accepted that it will never be delivered."""

    code = "provider-order-failed"
    heard = Heard.WILL_NOT_COME


class ProviderOutcomeUnknown(ProviderError):
    """The request may have been booked; nobody can say without a look-up."""

    code = "provider-outcome-unknown"


class ProviderReplyUnusable(ProviderOutcomeUnknown):
    """The provider answered, most likely sold, and nothing of the answer may be delivered.

    Attributes:
        raw: what came back, secrets included: for quarantine alone, never for a message.
    """

    code = "provider-reply-unusable"
    heard = Heard.UNUSABLE

    def __init__(
        self,
        message: str,
        *,
        raw: str | None = None,
        reply: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, reply=reply)
        self.raw = raw
