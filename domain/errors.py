"""The one tree of errors, and what follows from each.

Foreign exceptions become one of these at the edge where they arise. Messages are read by
customers, ops and logs alike: they never hold a code, a credential or a provider's raw reply.
`code` crosses the wire (problem documents, `FailureCode`, histories), so it never changes.

What a running workflow does hangs on these columns: to change one is to change workflow code
(`workflow.patched`, and a stored history that shows it).

The columns are attributes of the classes; a dot is what holds for any error. A test compares them.

                                  retry     on_failure parks_as            fails_over is_outage http
EsimError                         never     park       provisioning_failed no         no        500
├── Misconfigured                 .         .          .                   .          .         .
├── InvalidInput                  .         .          .                   .          .         422
│   ├── InvalidActivationCode     .         .          .                   .          .         422
│   └── InvalidIccid              .         .          .                   .          .         422
├── OrderNotFound                 .         fail       .                   .          .         404
├── UserNotFound                  .         .          .                   .          .         404
├── OrderNotPaid                  .         cancel     .                   .          .         400
├── OrderNotYetPaid               .         fail       .                   .          .         .
├── ActivationCancelled           .         cancel     .                   .          .         409
├── IllegalTransition             .         .          .                   .          .         409
├── NotWaiting                    .         .          .                   .          .         409
├── AlreadyAssigned               .         .          .                   .          .         409
├── NeedsReview                   .         .          needs_review        .          .         .
├── NotInReview                   .         .          .                   .          .         409
├── ReviewNotFound                .         .          .                   .          .         404
├── ReplyNotFound                 .         .          .                   .          .         404
├── NoticeRefused                 .         .          .                   .          .         .
├── PurchaseUnderWay              briefly   next round .                   .          yes       409
├── StaleWrite                    briefly   next round .                   .          .         503
├── DuplicateStock                .         .          .                   .          .         409
├── UnknownProvider               .         next round .                   .          .         404
├── FaultyStock                   .         next round .                   .          .         .
├── StorageFault                  .         .          .                   .          .         .
├── StorageUnavailable            patiently next round .                   .          .         503
├── EngineUnavailable             .         .          .                   .          .         503
├── StepTimedOut                  .         next round .                   .          yes       .
└── ProviderError                 .         .          .                   .          .         .
    ├── ProviderUnavailable       briefly   next round .                   yes        yes       .
    │   ├── ProviderHeld          .         next round .                   yes        yes       .
    │   └── CredentialsRefused    .         next round .                   yes        yes       .
    ├── ProviderRefused           .         .          .                   yes        .         .
    │   ├── ProviderOutOfStock    .         .          exhausted           yes        .         .
    │   └── ProviderOrderFailed   .         .          .                   yes        .         .
    └── ProviderOutcomeUnknown    briefly   next round needs_review        .          yes       .
        └── ProviderReplyUnusable briefly   .          needs_review        .          .         .
"""

from collections.abc import Mapping
from typing import ClassVar

from domain.consequence import OnFailure, ParkedAs, Retry
from domain.purchase import Heard


class EsimError(Exception):
    """Anything this service raises on purpose. A class inherits what it does not say itself.

    Attributes:
        code: its name on the wire.
        retry: how long the step is repeated.
        benign: it is expected: Temporal counts and logs it as no defect.
        on_failure: what the activation does then.
        parks_as: how it waits, if it parks at once or after its rounds.
        fails_over: nothing was booked, so another provider may be asked.
        is_outage: it counts against the provider's health, and is worth waiting out for days.
        drops_seller: the next round leaves a provider that a person named, for the plan's route.
        http_status, http_detail: how the API answers, and what it says for `{message}`.
        http_retry: whether the same request can succeed later by itself.
        next_step: what a person at the command line does about it.
    """

    code: ClassVar[str] = "esim-error"
    retry: ClassVar[Retry] = Retry.NEVER
    benign: ClassVar[bool] = False
    on_failure: ClassVar[OnFailure] = OnFailure.PARK
    parks_as: ClassVar[ParkedAs] = ParkedAs.PROVISIONING_FAILED
    fails_over: ClassVar[bool] = False
    is_outage: ClassVar[bool] = False
    drops_seller: ClassVar[bool] = False
    http_status: ClassVar[int] = 500
    http_detail: ClassVar[str] = "{message}"
    http_retry: ClassVar[bool] = False
    next_step: ClassVar[str] = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @classmethod
    def kinds(cls) -> "list[type[EsimError]]":
        """List this class and every one below it, in the order of the tree."""
        return [cls, *(kind for child in cls.__subclasses__() for kind in child.kinds())]


class Misconfigured(EsimError):
    """The environment does not allow this process to start; the message says which variable."""

    code = "misconfigured"
    next_step = "Set it, or run the command as `./dev esimctl ...`, which sets everything."


class InvalidInput(EsimError):
    """A value that can never work, whoever sends it and whenever."""

    code = "invalid-input"
    http_status = 422


class InvalidActivationCode(InvalidInput):
    """Not an activation code or LPA string (SGP.22 section 4.1)."""

    code = "invalid-activation-code"


class InvalidIccid(InvalidInput):
    """Not an ICCID (ITU-T E.118)."""

    code = "invalid-iccid"


class OrderNotFound(EsimError):
    """No such order, or another user's: the two are not told apart."""

    code = "order-not-found"
    on_failure = OnFailure.FAIL_THE_RUN
    http_status = 404


class UserNotFound(EsimError):
    """Nobody has this e-mail address."""

    code = "user-not-found"
    http_status = 404
    next_step = "`esimctl users` lists who has a role; `esimctl token` adds a user."


class OrderNotPaid(EsimError):
    """The order is refunded, or not paid where it must be."""

    code = "order-not-paid"
    on_failure = OnFailure.CANCEL
    http_status = 400


class OrderNotYetPaid(EsimError):
    """The order may be paid later; until then there is nothing to activate."""

    code = "order-not-yet-paid"
    on_failure = OnFailure.FAIL_THE_RUN


class ActivationCancelled(EsimError):
    """The activation was cancelled; it never starts again by itself."""

    code = "activation-cancelled"
    on_failure = OnFailure.CANCEL
    http_status = 409


class IllegalTransition(EsimError):
    """The state machine has no edge between these two states."""

    code = "illegal-transition"
    http_status = 409


class NotWaiting(EsimError):
    """A retry or a cancellation was asked of an activation that cannot take it now."""

    code = "not-waiting"
    http_status = 409


class AlreadyAssigned(EsimError):
    """A cancellation came too late: the customer has the eSIM, or had it."""

    code = "already-assigned"
    http_status = 409


class NeedsReview(EsimError):
    """Only a person can settle this purchase, before anything else is tried."""

    code = "needs-review"
    parks_as = ParkedAs.NEEDS_REVIEW


class NotInReview(EsimError):
    """A decision was given on a purchase that waits for none, or for none any more."""

    code = "not-in-review"
    http_status = 409


class ReviewNotFound(EsimError):
    """The order never had a purchase that a person must decide on."""

    code = "review-not-found"
    http_status = 404


class ReplyNotFound(EsimError):
    """The order has no such reply in quarantine."""

    code = "reply-not-found"
    http_status = 404


class NoticeRefused(EsimError):
    """A notification lacks its provider's signature, or nobody can read it."""

    code = "webhook-refused"


class PurchaseUnderWay(EsimError):
    """Another attempt is buying for the same order just now; ask again later."""

    code = "purchase-under-way"
    retry = Retry.BRIEFLY
    on_failure = OnFailure.NEXT_ROUND
    is_outage = True  # whoever holds the order lets go of it, if it takes days
    http_status = 409
    http_detail = "{message} Please try again in a moment."
    http_retry = True
    next_step = "Try again in a moment."


class StaleWrite(EsimError):
    """A write should have changed exactly one row, and did not."""

    code = "stale-write"
    retry = Retry.BRIEFLY  # what another hand has changed does not change back
    on_failure = OnFailure.NEXT_ROUND
    http_status = 503
    http_detail = "Somebody else changed the same thing. Please try again."
    http_retry = True


class DuplicateStock(EsimError):
    """Another item of stock already has this ICCID or activation code."""

    code = "duplicate-stock"
    http_status = 409


class UnknownProvider(EsimError):
    """Somebody named a provider that this deployment does not have."""

    code = "unknown-provider"
    on_failure = OnFailure.NEXT_ROUND
    drops_seller = True
    http_status = 404


class FaultyStock(EsimError):
    """A reserved item turned out to be unusable; it was retired and another one can be taken."""

    code = "faulty-stock"
    on_failure = OnFailure.NEXT_ROUND


class StorageFault(EsimError):
    """Postgres refused a statement; repeating it will not help."""

    code = "storage-fault"
    next_step = "Is the schema up to date? alembic upgrade head"


class StorageUnavailable(EsimError):
    """Postgres cannot be reached or asked for a retry; the same step works later."""

    code = "storage-unavailable"
    retry = Retry.PATIENTLY
    benign = True
    on_failure = OnFailure.NEXT_ROUND
    http_status = 503
    http_detail = "The service is busy. Please try again in a moment."
    http_retry = True
    next_step = "Is Postgres up and DATABASE_URL right? Locally: ./dev up"


class EngineUnavailable(EsimError):
    """Temporal cannot be reached; the same call works later."""

    code = "engine-unavailable"
    http_status = 503
    http_detail = "Activation is not available right now. Please try again shortly."
    http_retry = True
    next_step = "Locally: ./dev up"


class StepTimedOut(EsimError):
    """A step did not finish in time. Temporal finds it out, so nobody raises it."""

    code = "step-timed-out"
    on_failure = OnFailure.NEXT_ROUND
    is_outage = True


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


_BY_CODE = {kind.code: kind for kind in EsimError.kinds()}


def by_code(code: str) -> type[EsimError]:
    """Find the class that a code names; `EsimError` itself if it names none, as for a defect."""
    return _BY_CODE.get(code, EsimError)
