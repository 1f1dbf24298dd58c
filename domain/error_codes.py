"""Every `code` by which an answer says what went wrong, with what it means to a client.

A code crosses the wire, so none is ever renamed. A test compares them with `domain/errors.py` and
with the API's own problems; `docs/errors.md` shows the same table.
"""

from enum import StrEnum
from typing import Self


class ErrorCode(StrEnum):
    """A code, for programs.

    Attributes:
        status: the HTTP status that a problem with it has; 502 for the failure of an activation.
        meaning: what it says to whoever called.
    """

    status: int
    meaning: str

    def __new__(cls, code: str, status: int, meaning: str) -> Self:
        """Make a member whose value is the code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.status = status
        member.meaning = meaning
        return member

    @classmethod
    def named(cls, code: str) -> "ErrorCode":
        """Find a code; one that is not listed, as a defect leaves it, is an internal error."""
        return cls._value2member_map_.get(code, cls.INTERNAL_ERROR)  # type: ignore[return-value]

    # The request
    ORDER_NOT_PAID = "order-not-paid", 400, "The order is not paid, or was refunded."
    UNAUTHORIZED = "unauthorized", 401, "There is no valid token; `detail` says why."
    WEBHOOK_REFUSED = "webhook-refused", 401, "A notice lacks its provider's signature."
    INSUFFICIENT_SCOPE = "insufficient-scope", 403, "Token or role does not allow it."
    USER_BLOCKED = "user-blocked", 403, "The user is shut out."
    NOT_FOUND = "not-found", 404, "There is no such path."
    ORDER_NOT_FOUND = "order-not-found", 404, "No such order, or another user's."
    ESIM_NOT_FOUND = "esim-not-found", 404, "No such eSIM, or another user's."
    PLAN_NOT_FOUND = "plan-not-found", 404, "There is no such plan."
    PAYMENT_NOT_FOUND = "payment-not-found", 404, "There is no such payment."
    PROVIDER_NOT_FOUND = "provider-not-found", 404, "No such provider sends notices here."
    REPLY_NOT_FOUND = "reply-not-found", 404, "The order has no such reply in quarantine."
    REVIEW_NOT_FOUND = "review-not-found", 404, "The order never needed a decision."
    UNKNOWN_PROVIDER = "unknown-provider", 404, "There is no such provider here."
    USER_NOT_FOUND = "user-not-found", 404, "Nobody has this e-mail address."
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "The path knows no such method."
    BODY_TOO_SLOW = "body-too-slow", 408, "The body did not come in time."
    BODY_TOO_LARGE = "body-too-large", 413, "The body is too long."
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", 415, "The body is not JSON."
    INVALID_REQUEST = "invalid-request", 422, "`errors` names the fields that are wrong."
    INVALID_INPUT = "invalid-input", 422, "A value can never work; `detail` says why."
    INVALID_ACTIVATION_CODE = "invalid-activation-code", 422, "No phone could install this."
    INVALID_ICCID = "invalid-iccid", 422, "This is no ICCID."
    CURRENCY_MISMATCH = "currency-mismatch", 422, "The plan is sold in another currency."
    IDEMPOTENCY_KEY_REUSED = "idempotency-key-reused", 422, "The key had another body before."
    RATE_LIMITED = "rate-limited", 429, "You ask too often."
    TOO_MANY_AT_ONCE = "too-many-at-once", 429, "Too many of yours, or of this order's, wait."
    TOO_BUSY = "too-busy", 429, "Too many activations wait."

    # What is so already
    ACTIVATION_CANCELLED = "activation-cancelled", 409, "The activation was cancelled."
    ALREADY_ASSIGNED = "already-assigned", 409, "Too late: the customer has the eSIM."
    DUPLICATE_STOCK = "duplicate-stock", 409, "Another item has the code or ICCID."
    ESIM_EXPIRED = "esim-expired", 409, "The eSIM has expired."
    ESIM_NOT_READY = "esim-not-ready", 409, "There is no eSIM yet."
    ILLEGAL_TRANSITION = "illegal-transition", 409, "Its state does not allow this."
    NOT_IN_REVIEW = "not-in-review", 409, "There is nothing to decide, or no longer."
    NOT_WAITING = "not-waiting", 409, "It cannot be retried or cancelled now."
    ORDER_ALREADY_PAID = "order-already-paid", 409, "The order is paid already."
    ORDER_REFUNDED = "order-refunded", 409, "The order was refunded."
    PURCHASE_UNDER_WAY = "purchase-under-way", 409, "A call is being made for the order."

    # Why there is no eSIM yet
    ACTIVATION_ENDED = "activation-ended", 502, "The run has ended; our team looks into it."
    CREDENTIALS_REFUSED = "credentials-refused", 502, "The provider does not admit the service."
    ESIM_ERROR = "esim-error", 502, "The activation failed."
    FAULTY_STOCK = "faulty-stock", 502, "A stocked eSIM was unusable; another is tried."
    MISCONFIGURED = "misconfigured", 502, "We have set something wrong."
    NEEDS_REVIEW = "needs-review", 502, "A person must check the purchase."
    ORDER_NOT_YET_PAID = "order-not-yet-paid", 502, "The payment has not arrived."
    PROVIDER_ERROR = "provider-error", 502, "The provider gave no eSIM."
    PROVIDER_HELD = "provider-held", 502, "The provider is not called at present."
    PROVIDER_ORDER_FAILED = "provider-order-failed", 502, "The provider will not deliver."
    PROVIDER_OUT_OF_STOCK = "provider-out-of-stock", 502, "The plan is out of stock."
    PROVIDER_OUTCOME_UNKNOWN = "provider-outcome-unknown", 502, "We check whether it sold."
    PROVIDER_REFUSED = "provider-refused", 502, "The provider said no."
    PROVIDER_REPLY_UNUSABLE = "provider-reply-unusable", 502, "Its answer must be checked."
    PROVIDER_UNAVAILABLE = "provider-unavailable", 502, "The provider is away; we retry."
    PROVISIONING_FAILED = "provisioning-failed", 502, "Our team looks into it."
    STEP_TIMED_OUT = "step-timed-out", 502, "A step took too long; we retry."
    STORAGE_FAULT = "storage-fault", 502, "Our database refused a step."

    # Ours
    INTERNAL_ERROR = "internal-error", 500, "A defect of ours: quote the `request_id`."
    ENGINE_UNAVAILABLE = "engine-unavailable", 503, "Temporal is away."
    NOT_READY = "not-ready", 503, "The service cannot serve; `checks` says why."
    STALE_WRITE = "stale-write", 503, "Somebody else changed the same thing."
    STORAGE_UNAVAILABLE = "storage-unavailable", 503, "The database is away or busy."
