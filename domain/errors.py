"""The one tree of errors, and what follows from each.

Foreign exceptions become one of these at the edge where they arise. Messages are read by
customers, ops and logs alike: they never hold a code, a credential or a provider's raw reply.
`code` crosses the wire (problem documents, `FailureCode`, histories), so it never changes.

What a running workflow does hangs on these columns: to change one is to change workflow code
(`workflow.patched`, and a stored history that shows it).

The root stands in `domain/esim_error.py` and the providers' branch in `domain/provider_errors.py`;
everybody imports them from here.

The columns are attributes of the classes; a dot is what holds for any error. A test compares them.

                                  retry     on_failure parks_as            fails_over is_outage http
EsimError                         never     park       provisioning_failed no         no        500
├── ProviderError                 .         .          .                   .          .         .
│   ├── ProviderUnavailable       briefly   next round .                   yes        yes       .
│   │   ├── ProviderHeld          .         next round .                   yes        yes       .
│   │   └── CredentialsRefused    .         next round .                   yes        yes       .
│   ├── ProviderRefused           .         .          .                   yes        .         .
│   │   ├── ProviderOutOfStock    .         .          exhausted           yes        .         .
│   │   └── ProviderOrderFailed   .         .          .                   yes        .         .
│   └── ProviderOutcomeUnknown    briefly   next round needs_review        .          yes       .
│       └── ProviderReplyUnusable briefly   .          needs_review        .          .         .
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
└── StepTimedOut                  .         next round .                   .          yes       .
"""

from domain.consequence import OnFailure, ParkedAs, Retry
from domain.esim_error import EsimError
from domain.provider_errors import (
    CredentialsRefused,
    ProviderError,
    ProviderHeld,
    ProviderOrderFailed,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderReplyUnusable,
    ProviderUnavailable,
)

__all__ = [
    "ActivationCancelled",
    "AlreadyAssigned",
    "CredentialsRefused",
    "DuplicateStock",
    "EngineUnavailable",
    "EsimError",
    "FaultyStock",
    "IllegalTransition",
    "InvalidActivationCode",
    "InvalidIccid",
    "InvalidInput",
    "Misconfigured",
    "NeedsReview",
    "NotInReview",
    "NotWaiting",
    "NoticeRefused",
    "OrderNotFound",
    "OrderNotPaid",
    "OrderNotYetPaid",
    "ProviderError",
    "ProviderHeld",
    "ProviderOrderFailed",
    "ProviderOutOfStock",
    "ProviderOutcomeUnknown",
    "ProviderRefused",
    "ProviderReplyUnusable",
    "ProviderUnavailable",
    "PurchaseUnderWay",
    "ReplyNotFound",
    "ReviewNotFound",
    "StaleWrite",
    "StepTimedOut",
    "StorageFault",
    "StorageUnavailable",
    "UnknownProvider",
    "UserNotFound",
    "by_code",
]


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


_BY_CODE = {kind.code: kind for kind in EsimError.kinds()}


def by_code(code: str) -> type[EsimError]:
    """Find the class that a code names; `EsimError` itself if it names none, as for a defect."""
    return _BY_CODE.get(code, EsimError)
