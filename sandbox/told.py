"""Lies: an order as a misbehaving reply tells it. The ledger keeps the true one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sandbox.ledger import Ledger, Order
from sandbox.misbehaviours import Misbehaviour
from sandbox.profiles import Profile, luhn_digit, new_profile
from sandbox.rules import Rule

OTHER_PLAN: Final = "SOME-OTHER-PLAN"
OTHER_REFERENCE: Final = "somebody-elses-reference"
_BAD_CODE = "sbx/not a code!"

Lie = Callable[[Order], Order]


def lie(rule: Rule, ledger: Ledger) -> Lie | None:
    """Make of an order what the rule says; None if it is not about what a reply tells."""
    kind = rule.misbehaviour
    by_kind: dict[Misbehaviour, Lie] = {
        Misbehaviour.DUPLICATE_ICCID: lambda order: _with_profiles_of(order, ledger),
        Misbehaviour.OTHER_REPLY: lambda order: _earlier(order, ledger),
        Misbehaviour.WRONG_PLAN: lambda order: replace(order, plan_code=OTHER_PLAN),
        Misbehaviour.WRONG_REFERENCE: lambda order: replace(order, reference=OTHER_REFERENCE),
        Misbehaviour.WRONG_QUANTITY: lambda order: _one_more(order, ledger),
        Misbehaviour.BAD_ICCID: lambda order: _each(order, _BAD_ICCIDS[rule.options["kind"]]),
        Misbehaviour.BAD_CODE: lambda order: _each(
            order, lambda profile: replace(profile, matching_id=_BAD_CODE)
        ),
    }
    return by_kind.get(kind)


def has_earlier_sale(ledger: Ledger, provider: str, reference: str | None) -> bool:
    """Tell whether there is a sale for somebody else."""
    return any(order.reference != reference for order in ledger.orders(provider))


def _earlier(order: Order, ledger: Ledger) -> Order:
    others = [one for one in ledger.orders(order.provider) if one.reference != order.reference]
    return others[0] if others else order  # the oldest: its buyer has surely been told by now


def _with_profiles_of(order: Order, ledger: Ledger) -> Order:
    return replace(order, profiles=_earlier(order, ledger).profiles)


def _one_more(order: Order, ledger: Ledger) -> Order:
    extra = new_profile(ledger.sold())
    return replace(order, quantity=order.quantity + 1, profiles=(*order.profiles, extra))


def _each(order: Order, change: Callable[[Profile], Profile]) -> Order:
    return replace(order, profiles=tuple(map(change, order.profiles)))


def _with_letters(profile: Profile) -> Profile:
    return replace(profile, iccid=f"{profile.iccid[:-4]}O0Il")


def _with_wrong_digit(profile: Profile) -> Profile:
    right = int(luhn_digit(profile.iccid[:-1]))
    return replace(profile, iccid=f"{profile.iccid[:-1]}{(right + 1) % 10}")


_BAD_ICCIDS: dict[float | str, Callable[[Profile], Profile]] = {
    "letters": _with_letters,
    "luhn": _with_wrong_digit,
}
