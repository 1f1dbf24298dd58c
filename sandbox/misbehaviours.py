"""Every way to misbehave: its name (a wire contract), what it means, what it applies to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, Flag, StrEnum, auto


class Misbehaviour(StrEnum):
    """The names that rules use."""

    LATENCY = "latency"
    STATUS = "status"
    RATE_LIMITED = "rate_limited"
    BAD_CREDENTIALS = "bad_credentials"
    RESET_BEFORE_BOOKING = "reset_before_booking"
    RESET_AFTER_BOOKING = "reset_after_booking"
    TIMEOUT_BEFORE_BOOKING = "timeout_before_booking"
    TIMEOUT_AFTER_BOOKING = "timeout_after_booking"
    ERROR_AFTER_BOOKING = "error_after_booking"
    MALFORMED_REPLY = "malformed_reply"
    TRUNCATED_REPLY = "truncated_reply"
    EMPTY_REPLY = "empty_reply"
    REUSED_ICCID = "reused_iccid"
    OWN_ADDRESS = "own_address"
    DUPLICATE_ICCID = "duplicate_iccid"
    OTHER_REPLY = "other_reply"
    WRONG_PLAN = "wrong_plan"
    WRONG_REFERENCE = "wrong_reference"
    WRONG_QUANTITY = "wrong_quantity"
    BAD_ICCID = "bad_iccid"
    BAD_CODE = "bad_code"
    LAGGING_LOOKUP = "lagging_lookup"
    LOOKUP_ERROR = "lookup_error"
    OUT_OF_STOCK = "out_of_stock"
    UNKNOWN_PLAN = "unknown_plan"
    NO_CREDIT = "no_credit"
    ALLOCATION_DELAY = "allocation_delay"
    ALLOCATION_FAILED = "allocation_failed"
    WEBHOOK_LOST = "webhook_lost"
    WEBHOOK_LATE = "webhook_late"
    WEBHOOK_TWICE = "webhook_twice"
    WEBHOOK_OUT_OF_ORDER = "webhook_out_of_order"
    WEBHOOK_FORGED = "webhook_forged"
    WEBHOOK_UNSIGNED = "webhook_unsigned"
    WEBHOOK_EARLY = "webhook_early"


class Trait(Flag):
    """What an operation is, as far as misbehaviours ask."""

    CALL = auto()  # the client calls it (all but notifications that the sandbox sends)
    BUY = auto()  # books a charge
    STEP = auto()  # changes something without a charge
    LOOKUP = auto()  # reads what was bought
    SHOWN = auto()  # what it buys appears in look-ups
    ECHO = auto()  # tells reference, plan and quantity
    ICCID = auto()  # tells an ICCID
    CODE = auto()  # tells a matching id
    ADDRESS = auto()  # tells an SM-DP+ address that codes must have
    TAKES_BACK = auto()  # sells what was given back again
    DELIVERED_LATER = auto()  # hands profiles out after the reply
    ANNOUNCED = auto()  # a webhook goes with it
    SIGNED = auto()  # which is signed


class Part(Enum):
    """Which part of a call a misbehaviour takes over: one rule of each part applies at a time."""

    DELAY = auto()
    OUTCOME = auto()
    LAG = auto()
    DELIVERY = auto()
    PROFILE = auto()
    WEBHOOK = auto()


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a misbehaviour does.

    Attributes:
        sentence: what happens, in one line.
        applies_to: it applies to operations with any of these traits.
        options: what a rule may set, and the default.
    """

    sentence: str
    applies_to: Trait
    part: Part = Part.OUTCOME
    options: Mapping[str, float | str] = field(default_factory=dict)


_SECONDS = {"seconds": 2.0}

MEANINGS: Mapping[Misbehaviour, Meaning] = {
    Misbehaviour.LATENCY: Meaning(
        "waits before it does anything", Trait.CALL, Part.DELAY, {"seconds": 1.0}
    ),
    Misbehaviour.STATUS: Meaning(
        "answers this 4xx or 5xx; nothing is booked", Trait.CALL, options={"code": 503}
    ),
    Misbehaviour.RATE_LIMITED: Meaning(
        "answers 429 with Retry-After; nothing is booked", Trait.CALL, options={"retry_after": 1}
    ),
    Misbehaviour.BAD_CREDENTIALS: Meaning(
        "refuses the credentials in the provider's own words", Trait.CALL
    ),
    Misbehaviour.RESET_BEFORE_BOOKING: Meaning(
        "resets the connection; nothing is booked", Trait.CALL
    ),
    Misbehaviour.RESET_AFTER_BOOKING: Meaning(
        "books, then resets the connection", Trait.BUY | Trait.STEP
    ),
    Misbehaviour.TIMEOUT_BEFORE_BOOKING: Meaning(
        "hangs until the client leaves; nothing is booked", Trait.CALL
    ),
    Misbehaviour.TIMEOUT_AFTER_BOOKING: Meaning(
        "books, then hangs until the client leaves", Trait.BUY | Trait.STEP
    ),
    Misbehaviour.ERROR_AFTER_BOOKING: Meaning(
        "books, then answers this 5xx", Trait.BUY | Trait.STEP, options={"code": 500}
    ),
    Misbehaviour.MALFORMED_REPLY: Meaning("books, then answers 200 with no JSON", Trait.CALL),
    Misbehaviour.TRUNCATED_REPLY: Meaning(
        "books, then answers 200, cut off: content-length promises more", Trait.CALL
    ),
    Misbehaviour.EMPTY_REPLY: Meaning("books, then answers 200 with {}", Trait.CALL),
    Misbehaviour.REUSED_ICCID: Meaning(
        "sells the ICCID of an earlier sale that was given back (if there is one)",
        Trait.TAKES_BACK,
        Part.PROFILE,
    ),
    Misbehaviour.OWN_ADDRESS: Meaning(
        "tells an SM-DP+ address of its own for the code",
        Trait.ADDRESS,
        Part.PROFILE,
        {"address": "smdp-2.sandbox.example"},
    ),
    Misbehaviour.DUPLICATE_ICCID: Meaning(
        "books, but tells ICCID and code of an earlier sale (if there is one)",
        Trait.ICCID,
    ),
    Misbehaviour.OTHER_REPLY: Meaning(
        "books, but tells another order's reply (if there is one)",
        Trait.BUY | Trait.LOOKUP,
    ),
    Misbehaviour.WRONG_PLAN: Meaning("books, but tells another plan", Trait.ECHO),
    Misbehaviour.WRONG_REFERENCE: Meaning("books, but tells another reference", Trait.ECHO),
    Misbehaviour.WRONG_QUANTITY: Meaning("books, but tells one more", Trait.ECHO),
    Misbehaviour.BAD_ICCID: Meaning(
        "tells an ICCID with letters, or (kind=luhn) a wrong check digit",
        Trait.ICCID,
        options={"kind": "letters"},
    ),
    Misbehaviour.BAD_CODE: Meaning(
        "tells a matching id with letters that none may have", Trait.CODE
    ),
    Misbehaviour.LAGGING_LOOKUP: Meaning(
        "books, but look-ups do not show it for that long", Trait.SHOWN, Part.LAG, _SECONDS
    ),
    Misbehaviour.LOOKUP_ERROR: Meaning(
        "the look-up answers this 4xx or 5xx", Trait.LOOKUP, options={"code": 500}
    ),
    Misbehaviour.OUT_OF_STOCK: Meaning("says that the plan is sold out", Trait.BUY),
    Misbehaviour.UNKNOWN_PLAN: Meaning("says that there is no such plan", Trait.BUY),
    Misbehaviour.NO_CREDIT: Meaning("says that the account has no credit", Trait.BUY),
    Misbehaviour.ALLOCATION_DELAY: Meaning(
        "hands the profiles out after that long", Trait.DELIVERED_LATER, Part.DELIVERY, _SECONDS
    ),
    Misbehaviour.ALLOCATION_FAILED: Meaning(
        "accepts, but never hands profiles out; the charge is voided",
        Trait.DELIVERED_LATER,
        Part.DELIVERY,
    ),
    Misbehaviour.WEBHOOK_LOST: Meaning("never sends the webhook", Trait.ANNOUNCED, Part.WEBHOOK),
    Misbehaviour.WEBHOOK_LATE: Meaning(
        "sends the webhook that much later", Trait.ANNOUNCED, Part.WEBHOOK, _SECONDS
    ),
    Misbehaviour.WEBHOOK_TWICE: Meaning(
        "sends the same webhook twice", Trait.ANNOUNCED, Part.WEBHOOK
    ),
    Misbehaviour.WEBHOOK_OUT_OF_ORDER: Meaning(
        "sends the webhook after the provider's next one", Trait.ANNOUNCED, Part.WEBHOOK
    ),
    Misbehaviour.WEBHOOK_FORGED: Meaning(
        "signs the webhook with a wrong key", Trait.SIGNED, Part.WEBHOOK
    ),
    Misbehaviour.WEBHOOK_UNSIGNED: Meaning(
        "sends the webhook without a signature", Trait.SIGNED, Part.WEBHOOK
    ),
    Misbehaviour.WEBHOOK_EARLY: Meaning(
        "sends the webhook before the reply", Trait.DELIVERED_LATER, Part.WEBHOOK
    ),
}
