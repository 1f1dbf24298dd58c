"""What a provider's reply makes of a purchase: every combination, against an independent reading.

The table in `domain/purchase.py` is compared with the same rules written as questions, by hand and
from the providers' side: who reads one can check it without the other.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from domain import purchase
from domain.event import EventKind
from domain.purchase import (
    OPEN,
    RULES,
    TRANSITIONS,
    Ambiguity,
    Asked,
    Facts,
    Heard,
    PurchaseState,
    Rule,
    Then,
    verdict,
)

S, H, T, E = PurchaseState, Heard, Then, EventKind

Meaning = tuple[PurchaseState | None, EventKind | None, Then]
Case = tuple[Asked, Facts, Heard]

_EVENTS = {
    H.HELD: E.PURCHASE_UNAVAILABLE,
    H.UNAVAILABLE: E.PURCHASE_UNAVAILABLE,
    H.REFUSED: E.PURCHASE_REFUSED,
    H.WILL_NOT_COME: E.PURCHASE_REFUSED,
    H.NOTHING: E.PURCHASE_UNKNOWN,
    H.UNUSABLE: E.PURCHASE_QUARANTINED,
}


def cases() -> Iterator[Case]:
    """Everything that can be asked, known and heard; a sale is never answered with "absent"."""
    flags = (False, True)
    for asked, heard in product(Asked, Heard):
        if (asked, heard) == (Asked.SENT, H.ABSENT):
            continue
        states = [S.SENT] if asked is Asked.SENT else [S.SENT, S.ACCEPTED, S.UNKNOWN]
        for state, mode, *rest in product(states, Ambiguity, flags, flags, flags, flags):
            yield asked, Facts(state, mode, *rest), heard


def expected(asked: Asked, facts: Facts, heard: Heard) -> Meaning:
    """The same rules, asked one after the other."""
    if heard is H.SOLD:
        return S.CONFIRMED, E.PURCHASE_CONFIRMED, T.KEEP
    return _sent(facts, heard) if asked is Asked.SENT else _looked_up(facts, heard)


def _sent(facts: Facts, heard: Heard) -> Meaning:
    if heard is H.ACCEPTED:
        return S.ACCEPTED, E.PURCHASE_ACCEPTED, T.WAIT
    may_be_booked = facts.again or heard in {H.NOTHING, H.UNUSABLE}
    becomes = S.UNKNOWN if may_be_booked else S.REFUSED
    nobody_can_say = (facts.again and heard in {H.REFUSED, H.WILL_NOT_COME, H.UNUSABLE}) or (
        facts.mode is Ambiguity.REVIEW and heard in {H.NOTHING, H.UNUSABLE}
    )
    if nobody_can_say:
        then = T.A_PERSON
    elif may_be_booked:
        then = T.ASK_LATER
    else:
        then = T.AFRESH if heard in {H.HELD, H.UNAVAILABLE} else T.ELSEWHERE
    return becomes, _EVENTS[heard], then


def _looked_up(facts: Facts, heard: Heard) -> Meaning:
    accepted = facts.state is S.ACCEPTED
    if heard is H.ACCEPTED and not facts.overdue:
        return S.ACCEPTED, None if accepted else E.PURCHASE_ACCEPTED, T.WAIT
    if heard is H.ACCEPTED or (heard is H.ABSENT and accepted and facts.overdue):
        return S.UNKNOWN, E.PURCHASE_UNKNOWN, T.A_PERSON
    if heard is H.ABSENT:
        return _absent(facts)
    if heard is H.WILL_NOT_COME and facts.named:
        return S.REFUSED, E.PURCHASE_REFUSED, T.ELSEWHERE
    if heard in {H.HELD, H.UNAVAILABLE}:
        return _not_now(facts, heard)
    return S.UNKNOWN, _EVENTS[heard], T.A_PERSON


def _absent(facts: Facts) -> Meaning:
    if facts.state is S.ACCEPTED:
        return None, None, T.WAIT
    if facts.named:
        return None, None, T.A_PERSON
    if facts.absent_before:
        return S.REFUSED, E.PURCHASE_ABSENT, T.AFRESH
    return None, None, T.ASK_LATER


def _not_now(facts: Facts, heard: Heard) -> Meaning:
    if facts.state is S.ACCEPTED:
        if facts.overdue:
            return S.UNKNOWN, E.PURCHASE_UNAVAILABLE, T.A_PERSON
        return None, None, T.WAIT
    if facts.state is S.SENT and heard is H.UNAVAILABLE:
        return S.UNKNOWN, E.PURCHASE_UNAVAILABLE, T.ASK_LATER
    return None, None, T.ASK_LATER


def differences() -> list[Case]:
    """The cases in which the table says something else."""
    return [case for case in cases() if _meaning(*case) != expected(*case)]


def _meaning(asked: Asked, facts: Facts, heard: Heard) -> Meaning:
    rule = verdict(asked, facts, heard)
    return rule.becomes, rule.event, rule.then


def test_the_table_means_what_the_questions_do() -> None:
    """Of all combinations, a thousand and more, none differs."""
    assert len([*cases()]) > 1000
    assert differences() == []


def test_every_row_decides_something() -> None:
    """A row that others hide is one that nobody should rely on."""
    used = {id(verdict(*case)) for case in cases()}
    assert [rule for rule in RULES if id(rule) not in used] == []


def test_a_sale_is_never_answered_with_absent() -> None:
    """It is the one combination without a row: a defect, and not a guess about money."""
    with pytest.raises(ValueError, match="absent"):
        verdict(Asked.SENT, Facts(), H.ABSENT)


def _row(asked: Asked | None, heard: Heard, then: Then) -> Rule:
    """The first row for this."""
    return next(
        rule for rule in RULES if rule.asked is asked and heard in rule.heard and rule.then is then
    )


SENT, LOOKED_UP = Asked.SENT, Asked.LOOKED_UP
MUTANTS: dict[str, tuple[Rule, Rule | None]] = {
    "a lost answer is bought again": (
        _row(SENT, H.NOTHING, T.ASK_LATER),
        replace(_row(SENT, H.NOTHING, T.ASK_LATER), then=T.AFRESH),
    ),
    "a lost answer counts as refused": (
        _row(SENT, H.NOTHING, T.ASK_LATER),
        replace(_row(SENT, H.NOTHING, T.ASK_LATER), becomes=S.REFUSED),
    ),
    "review mode asks by itself": (_row(SENT, H.NOTHING, T.A_PERSON), None),
    "a refused repetition refuses the first": (
        _row(SENT, H.REFUSED, T.A_PERSON),
        replace(_row(SENT, H.REFUSED, T.ELSEWHERE), given={"again": True}),
    ),
    "one absence is enough": (
        _row(LOOKED_UP, H.ABSENT, T.AFRESH),
        replace(_row(LOOKED_UP, H.ABSENT, T.AFRESH), given={}),
    ),
    "an accepted order that is not found is bought again": (
        _row(LOOKED_UP, H.ABSENT, T.A_PERSON),
        replace(_row(LOOKED_UP, H.ABSENT, T.AFRESH), given={"named": True}),
    ),
    "another order's failure ends this one": (
        _row(LOOKED_UP, H.WILL_NOT_COME, T.ELSEWHERE),
        replace(_row(LOOKED_UP, H.WILL_NOT_COME, T.ELSEWHERE), given={}),
    ),
    "an overdue order is waited for": (_row(LOOKED_UP, H.ACCEPTED, T.A_PERSON), None),
    "a look-up that failed settles it": (
        _row(LOOKED_UP, H.NOTHING, T.A_PERSON),
        replace(_row(LOOKED_UP, H.NOTHING, T.A_PERSON), becomes=S.REFUSED, then=T.AFRESH),
    ),
    "what cannot be used is confirmed": (
        _row(SENT, H.UNUSABLE, T.ASK_LATER),
        replace(_row(SENT, H.UNUSABLE, T.ASK_LATER), becomes=S.CONFIRMED, then=T.KEEP),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_table_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row changed or taken away: the comparison above finds it."""
    row, mutant = MUTANTS[name]
    changed = (mutant if rule is row else rule for rule in RULES)
    monkeypatch.setattr(purchase, "RULES", tuple(rule for rule in changed if rule is not None))
    assert differences() != []


def test_no_rule_moves_a_purchase_where_its_states_do_not_lead() -> None:
    """Whatever is heard, the state machine has the edge, or the purchase stays where it is."""
    for asked, facts, heard in cases():
        target = verdict(asked, facts, heard).becomes
        assert target in {None, facts.state} | TRANSITIONS[facts.state]


def test_what_is_settled_is_never_moved() -> None:
    """A confirmed, refused or resolved purchase is final; every other one may still be a charge."""
    assert {state for state in S if not TRANSITIONS[state]} == set(S) - set(OPEN)


def test_only_a_definite_answer_lets_anything_be_bought_again() -> None:
    """Afresh or elsewhere follows from REFUSED alone; and REFUSED never from a lost answer."""
    for case in cases():
        rule = verdict(*case)
        if rule.then in {T.AFRESH, T.ELSEWHERE}:
            assert rule.becomes is S.REFUSED
        if case[2] in {H.NOTHING, H.UNUSABLE}:
            assert rule.becomes is S.UNKNOWN
