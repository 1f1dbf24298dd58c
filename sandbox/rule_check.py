"""Whether a rule can apply at all; every refusal says what would."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sandbox.faults import RuleRefused
from sandbox.misbehaviours import MEANINGS, Misbehaviour, Trait

EVERY_OPERATION: Final = "*"
_ERROR_CODES = range(400, 600)
_SERVER_ERROR_CODES = range(500, 600)
_HOST = re.compile(r"([0-9a-z-]{1,63}\.)+[a-z][0-9a-z-]{0,62}")
_KINDS = {Misbehaviour.BAD_ICCID: ("letters", "luhn")}


def named(misbehaviour: str) -> Misbehaviour:
    """Find the misbehaviour of that name.

    Raises:
        RuleRefused: there is none.
    """
    try:
        return Misbehaviour(misbehaviour)
    except ValueError:
        raise RuleRefused(
            f"There is no misbehaviour {misbehaviour!r}. There are: {_listed(Misbehaviour)}."
        ) from None


def checked_target(
    known: Mapping[str, Mapping[str, Trait]],
    provider: str,
    misbehaviour: Misbehaviour,
    operation: str | None,
) -> frozenset[str]:
    """Find the operations that a rule is about.

    Raises:
        RuleRefused: there is no such provider or operation, or it cannot misbehave that way.
    """
    if provider not in known:
        raise RuleRefused(f"There is no provider {provider!r}. There are: {_listed(known)}.")
    operations = known[provider]
    if operation not in (None, EVERY_OPERATION) and operation not in operations:
        raise RuleRefused(
            f"{provider} has no operation {operation!r}. It has: {_listed(operations)}."
        )
    needed = MEANINGS[misbehaviour].applies_to
    possible = {name for name, traits in operations.items() if traits & needed}
    if not possible:
        raise RuleRefused(f"{misbehaviour} cannot apply to {provider}: {_why(misbehaviour)}.")
    if operation is None:
        purchases = {name for name in possible if operations[name] & Trait.BUY}
        return frozenset(purchases or possible)
    if operation == EVERY_OPERATION:
        return frozenset(possible)
    if operation not in possible:
        raise RuleRefused(
            f"{misbehaviour} cannot apply to {provider} {operation}. "
            f"It can to: {_listed(sorted(possible))}."
        )
    return frozenset({operation})


def checked_options(
    misbehaviour: Misbehaviour, options: Mapping[str, Any]
) -> dict[str, float | str]:
    """Complete the options with their defaults.

    Raises:
        RuleRefused: one is unknown or no value it can have.
    """
    defaults = MEANINGS[misbehaviour].options
    if unknown := sorted(set(options) - set(defaults)):
        known = f"It has: {_listed(defaults)}." if defaults else "It has none."
        raise RuleRefused(f"{misbehaviour} has no option {_listed(unknown)}. {known}")
    return {**defaults, **{name: _value(misbehaviour, name, options[name]) for name in options}}


def _value(misbehaviour: Misbehaviour, name: str, value: Any) -> float | str:
    if name == "kind":
        kinds = _KINDS[misbehaviour]
        if value not in kinds:
            raise RuleRefused(f"kind of {misbehaviour} must be one of: {_listed(kinds)}.")
        return str(value)
    if name == "address":
        return _address(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise RuleRefused(f"{name} of {misbehaviour} must be a number.") from None
    if name == "code":
        after = misbehaviour is Misbehaviour.ERROR_AFTER_BOOKING
        codes = _SERVER_ERROR_CODES if after else _ERROR_CODES
        if number not in codes:
            raise RuleRefused(f"code of {misbehaviour} must be {codes[0]} to {codes[-1]}.")
        return int(number)
    if not 0 <= number < float("inf"):
        raise RuleRefused(f"{name} of {misbehaviour} must be 0 or more.")
    return number


def _address(value: Any) -> str:
    if not isinstance(value, str) or not _HOST.fullmatch(value):
        raise RuleRefused("address must be a host name, such as smdp-2.sandbox.example.")
    return value


def _why(misbehaviour: Misbehaviour) -> str:
    needed = MEANINGS[misbehaviour].applies_to
    reasons = {
        Trait.LOOKUP: "its contract has no look-up",
        Trait.SHOWN: "its contract has no look-up",
        Trait.SIGNED: "it signs no webhooks",
        Trait.ANNOUNCED: "it sends no webhooks",
        Trait.DELIVERED_LATER: "it hands profiles out at once",
        Trait.ECHO: "its replies tell no reference, plan or quantity",
        Trait.ADDRESS: "it tells no SM-DP+ address apart from the code",
        Trait.TAKES_BACK: "it takes nothing back",
    }
    return reasons.get(needed, "no operation of it does what would go wrong")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(str(name) for name in names)
