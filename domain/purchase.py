"""The life of a purchase: one table of states and legal edges, and one of what each reply means.

Money hangs on both. `TRANSITIONS` is mirrored by a trigger, a test compares the two, and
docs/purchases.md draws it. `RULES` decides what becomes of a purchase once its provider was
asked: a purchase that may have been booked is never simply made again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from domain.event import EventKind


class PurchaseState(StrEnum):
    """A purchase's state. SQL shows the name, JSON the value."""

    INTENDED = "intended"
    """Written down; nothing has left."""
    SENT = "sent"
    """The request leaves, or has left: without an outcome nobody knows whether it was booked."""
    ACCEPTED = "accepted"
    """The provider took the order on and delivers later."""
    CONFIRMED = "confirmed"
    """It gave a profile."""
    REFUSED = "refused"
    """Nothing was booked, for certain."""
    UNKNOWN = "unknown"
    """It may be booked: the next look-up, or a person, finds out."""
    RESOLVED = "resolved"
    """A person has decided (`Resolution`)."""


_P = PurchaseState

TRANSITIONS: Mapping[PurchaseState, frozenset[PurchaseState]] = MappingProxyType(
    {
        _P.INTENDED: frozenset({_P.SENT, _P.REFUSED}),
        _P.SENT: frozenset({_P.ACCEPTED, _P.CONFIRMED, _P.REFUSED, _P.UNKNOWN}),
        _P.ACCEPTED: frozenset({_P.CONFIRMED, _P.REFUSED, _P.UNKNOWN}),
        _P.UNKNOWN: frozenset({_P.SENT, _P.ACCEPTED, _P.CONFIRMED, _P.REFUSED, _P.RESOLVED}),
        _P.CONFIRMED: frozenset(),
        _P.REFUSED: frozenset(),
        _P.RESOLVED: frozenset(),
    }
)
"""A purchase may also be written in the state that it is in: sent again, or unknown still."""

OPEN = (_P.INTENDED, _P.SENT, _P.ACCEPTED, _P.UNKNOWN)
"""States in which a purchase may still become, or already be, a charge."""


class Resolution(StrEnum):
    """What a person decided about a purchase whose outcome was unknown."""

    EXISTS = "exists"
    """It was booked, and here is the code."""
    ABSENT = "absent"
    """It was not booked: buy again."""
    GIVEN_UP = "given_up"
    """Nothing more is tried for this order."""


class Ambiguity(StrEnum):
    """What may be done when nobody knows whether a purchase was booked."""

    IDEMPOTENT = "idempotent"
    """The provider gives the same answer to the same reference: send it again."""
    LOOKUP = "lookup"
    """The provider can be asked for the reference: ask before sending again."""
    REVIEW = "review"
    """Neither: a person decides."""


class Asked(StrEnum):
    """What a provider was asked."""

    SENT = "sent"
    """To sell."""
    LOOKED_UP = "looked up"
    """What became of a purchase that had left."""


class Heard(StrEnum):
    """What came back, in one word."""

    SOLD = "sold"
    ACCEPTED = "accepted"
    """The order is taken on and delivered later."""
    ABSENT = "absent"
    """A look-up found nothing."""
    HELD = "held"
    """The provider was not called at all."""
    UNAVAILABLE = "unavailable"
    """This call booked nothing."""
    REFUSED = "refused"
    WILL_NOT_COME = "will not come"
    """An order that was accepted will never be delivered."""
    NOTHING = "nothing"
    """No answer, or one that does not say: this call may have booked."""
    UNUSABLE = "unusable"
    """An answer that most likely sold, and that nobody may be given."""


class Then(StrEnum):
    """What follows for the activation."""

    KEEP = "keep"
    """The profile is ours."""
    WAIT = "wait"
    """The provider delivers later."""
    AFRESH = "afresh"
    """Nothing was booked: the same purchase may be made anew."""
    ELSEWHERE = "elsewhere"
    """Nothing was booked, and this provider will not sell: another one may."""
    ASK_LATER = "ask later"
    """It may be booked, and asking again settles it."""
    A_PERSON = "a person"
    """It may be booked, and only a person can settle it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a purchase when its provider's reply is weighed.

    Attributes:
        state: SENT, ACCEPTED or UNKNOWN; SENT for one that leaves just now.
        mode: what the provider allows while nobody knows.
        named: the provider's own name of the order is known, so it was accepted once.
        again: an earlier send of the same purchase may have been booked.
        overdue: an accepted order has had its time.
        absent_before: a look-up found nothing a settle gap ago.
    """

    state: PurchaseState = PurchaseState.SENT
    mode: Ambiguity = Ambiguity.LOOKUP
    named: bool = False
    again: bool = False
    overdue: bool = False
    absent_before: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    Attributes:
        asked: None for either question.
        heard: any of these.
        given: facts that must be so, by name.
        becomes: the state that the purchase is written in; None leaves it as it is.
        event: what the audit trail is told; None if nothing new is known.
        then: what follows.
    """

    asked: Asked | None
    heard: frozenset[Heard]
    then: Then
    becomes: PurchaseState | None = None
    event: EventKind | None = None
    given: Mapping[str, object] = field(default_factory=dict)

    def fits(self, asked: Asked, facts: Facts, heard: Heard) -> bool:
        """Tell whether the row speaks of this reply."""
        return (
            self.asked in {None, asked}
            and heard in self.heard
            and all(getattr(facts, name) == value for name, value in self.given.items())
        )

    def written(self) -> tuple[PurchaseState, EventKind]:
        """Return the state and the event of a rule that writes both.

        Raises:
            ValueError: it leaves the purchase, or the trail, as it is.
        """
        if self.becomes is None or self.event is None:
            raise ValueError(f"This rule does not write both a state and an event: {self}.")
        return self.becomes, self.event


def _sent(*heard: Heard, then: Then, to: PurchaseState, event: EventKind, **given: object) -> Rule:
    return Rule(Asked.SENT, frozenset(heard), then, to, event, given)


def _looked_up(
    *heard: Heard,
    then: Then,
    to: PurchaseState | None = None,
    event: EventKind | None = None,
    **given: object,
) -> Rule:
    return Rule(Asked.LOOKED_UP, frozenset(heard), then, to, event, given)


_H, _T, _E = Heard, Then, EventKind
_NOT_NOW = (_H.HELD, _H.UNAVAILABLE)
_NEVER = (_H.REFUSED, _H.WILL_NOT_COME)
_REVIEW = Ambiguity.REVIEW

# fmt: off
RULES: tuple[Rule, ...] = (
    Rule(None, frozenset({_H.SOLD}), _T.KEEP, _P.CONFIRMED, _E.PURCHASE_CONFIRMED),

    _sent(_H.ACCEPTED, then=_T.WAIT, to=_P.ACCEPTED, event=_E.PURCHASE_ACCEPTED),
    _sent(*_NOT_NOW, again=False, then=_T.AFRESH, to=_P.REFUSED, event=_E.PURCHASE_UNAVAILABLE),
    _sent(*_NOT_NOW, again=True, then=_T.ASK_LATER, to=_P.UNKNOWN, event=_E.PURCHASE_UNAVAILABLE),
    _sent(*_NEVER, again=False, then=_T.ELSEWHERE, to=_P.REFUSED, event=_E.PURCHASE_REFUSED),
    _sent(*_NEVER, again=True, then=_T.A_PERSON, to=_P.UNKNOWN, event=_E.PURCHASE_REFUSED),
    _sent(_H.NOTHING, mode=_REVIEW, then=_T.A_PERSON, to=_P.UNKNOWN, event=_E.PURCHASE_UNKNOWN),
    _sent(_H.NOTHING, then=_T.ASK_LATER, to=_P.UNKNOWN, event=_E.PURCHASE_UNKNOWN),
    _sent(_H.UNUSABLE, mode=_REVIEW,
          then=_T.A_PERSON, to=_P.UNKNOWN, event=_E.PURCHASE_QUARANTINED),
    _sent(_H.UNUSABLE, again=True, then=_T.A_PERSON, to=_P.UNKNOWN, event=_E.PURCHASE_QUARANTINED),
    _sent(_H.UNUSABLE, then=_T.ASK_LATER, to=_P.UNKNOWN, event=_E.PURCHASE_QUARANTINED),

    _looked_up(_H.ACCEPTED, overdue=True,
               then=_T.A_PERSON, to=_P.UNKNOWN, event=_E.PURCHASE_UNKNOWN),
    _looked_up(_H.ACCEPTED, state=_P.ACCEPTED, then=_T.WAIT, to=_P.ACCEPTED),
    _looked_up(_H.ACCEPTED, then=_T.WAIT, to=_P.ACCEPTED, event=_E.PURCHASE_ACCEPTED),
    _looked_up(_H.ABSENT, state=_P.ACCEPTED, overdue=True,
               then=_T.A_PERSON, to=_P.UNKNOWN, event=_E.PURCHASE_UNKNOWN),
    _looked_up(_H.ABSENT, state=_P.ACCEPTED, then=_T.WAIT),
    # It was accepted once: an absence explains nothing.
    _looked_up(_H.ABSENT, named=True, then=_T.A_PERSON),
    _looked_up(_H.ABSENT, absent_before=True,
               then=_T.AFRESH, to=_P.REFUSED, event=_E.PURCHASE_ABSENT),
    _looked_up(_H.ABSENT, then=_T.ASK_LATER),
    _looked_up(_H.WILL_NOT_COME, named=True,
               then=_T.ELSEWHERE, to=_P.REFUSED, event=_E.PURCHASE_REFUSED),
    _looked_up(*_NOT_NOW, state=_P.ACCEPTED, overdue=True,
               then=_T.A_PERSON, to=_P.UNKNOWN, event=_E.PURCHASE_UNAVAILABLE),
    _looked_up(*_NOT_NOW, state=_P.ACCEPTED, then=_T.WAIT),
    # Nothing new is known: the look-up only could not be made.
    _looked_up(*_NOT_NOW, state=_P.UNKNOWN, then=_T.ASK_LATER),
    _looked_up(_H.HELD, then=_T.ASK_LATER),
    _looked_up(_H.UNAVAILABLE, then=_T.ASK_LATER, to=_P.UNKNOWN, event=_E.PURCHASE_UNAVAILABLE),
    _looked_up(*_NEVER, then=_T.A_PERSON, to=_P.UNKNOWN, event=_E.PURCHASE_REFUSED),
    _looked_up(_H.NOTHING, then=_T.A_PERSON, to=_P.UNKNOWN, event=_E.PURCHASE_UNKNOWN),
    _looked_up(_H.UNUSABLE, then=_T.A_PERSON, to=_P.UNKNOWN, event=_E.PURCHASE_QUARANTINED),
)
# fmt: on
"""Every reply that a provider can give and what it means: the first row that fits decides."""


def verdict(asked: Asked, facts: Facts, heard: Heard) -> Rule:
    """Decide what a reply makes of its purchase.

    Raises:
        ValueError: no row fits. A sale is never answered with "absent", and nothing else lacks one.
    """
    for rule in RULES:
        if rule.fits(asked, facts, heard):
            return rule
    raise ValueError(f"No rule says what {heard} means when a purchase was {asked}.")
