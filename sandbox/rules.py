"""Rules: which calls misbehave, and how. Kept in memory only."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.faults import RuleRefused
from sandbox.misbehaviours import MEANINGS, Misbehaviour, Part, Trait
from sandbox.rule_check import checked_options, checked_target, named
from sandbox.settings import SandboxSettings

Option = float | str
Operations = Mapping[str, Mapping[str, Trait]]

# They repeat an earlier sale, so there has to be one.
NEEDS_EARLIER_SALE = frozenset({Misbehaviour.DUPLICATE_ICCID, Misbehaviour.OTHER_REPLY})


@dataclass(slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        operation: as it was given; None means purchases, or, for what cannot apply to a purchase,
            everything that it can apply to; `*` means everything that it can apply to.
        times: to how many calls it applies; None for every one.
        after: how many matching calls go well first.
        matched: how many calls it has matched, those that go well included.
        used: to how many calls it was applied.
    """

    rule_id: int
    provider: str
    misbehaviour: Misbehaviour
    operations: frozenset[str] = field(repr=False)
    operation: str | None = None
    reference: str | None = None
    times: int | None = 1
    after: int = 0
    options: Mapping[str, Option]
    matched: int = 0
    used: int = 0

    @property
    def part(self) -> Part:
        """Which part of a call it takes over."""
        return MEANINGS[self.misbehaviour].part

    def number(self, option: str) -> float:
        """Read an option that is a number."""
        return float(self.options[option])

    def matches(self, provider: str, operation: str, reference: str | None) -> bool:
        """Tell whether a call is one that the rule is about, and is not used up."""
        return (
            provider == self.provider
            and operation in self.operations
            and self.reference in (None, reference)
            and (self.times is None or self.used < self.times)
        )

    def as_json(self) -> dict[str, Any]:
        """Write the rule for the control API."""
        return {
            "id": self.rule_id,
            "provider": self.provider,
            "misbehaviour": self.misbehaviour.value,
            "operation": self.operation,
            "reference": self.reference,
            "times": self.times,
            "after": self.after,
            "options": dict(self.options),
            "used": self.used,
        }


class Picked(dict[Part, Rule]):
    """The rules that apply to one call, at most one of each part."""

    def kind(self, part: Part) -> Misbehaviour | None:
        """Tell which misbehaviour has this part of the call."""
        rule = self.get(part)
        return rule.misbehaviour if rule else None

    def seconds(self, misbehaviour: Misbehaviour) -> float:
        """Return the seconds of a misbehaviour that applies; else 0."""
        rule = self.get(MEANINGS[misbehaviour].part)
        return rule.number("seconds") if rule and rule.misbehaviour is misbehaviour else 0.0


class Rulebook:
    """The rules of a sandbox, oldest first, and chance, if there is a seed."""

    def __init__(self, operations: Operations, settings: SandboxSettings) -> None:
        self._operations = operations
        self._settings = settings
        self._rules: list[Rule] = []
        self._next_id = 1
        self._calls: Counter[tuple[str, str, str | None]] = Counter()

    @property
    def rules(self) -> list[Rule]:
        """Every rule, used up or not."""
        return list(self._rules)

    def add(
        self,
        provider: str,
        misbehaviour: str,
        *,
        operation: str | None = None,
        reference: str | None = None,
        times: int | None = 1,
        after: int = 0,
        options: Mapping[str, Any] | None = None,
    ) -> Rule:
        """Add a rule.

        Raises:
            RuleRefused: it cannot apply; says why and what would.
        """
        kind = named(misbehaviour)
        if after < 0 or (times is not None and times < 1):
            raise RuleRefused("times must be at least 1 (or none: always), after at least 0.")
        rule = Rule(
            rule_id=self._next_id,
            provider=provider,
            misbehaviour=kind,
            operations=checked_target(self._operations, provider, kind, operation),
            operation=operation,
            reference=reference,
            times=times,
            after=after,
            options=checked_options(kind, options or {}),
        )
        self._next_id += 1
        self._rules.append(rule)
        return rule

    def clear(self) -> int:
        """Forget every rule; returns how many there were."""
        count = len(self._rules)
        self._rules.clear()
        return count

    def pick(
        self, provider: str, operation: str, reference: str | None, *, earlier_sale: bool
    ) -> Picked:
        """Pick the rules for one call, which counts as used for each of them."""
        picked = Picked()
        for rule in self._rules:
            if rule.part in picked or not rule.matches(provider, operation, reference):
                continue
            if rule.misbehaviour in NEEDS_EARLIER_SALE and not earlier_sale:
                continue
            rule.matched += 1
            if rule.matched > rule.after:
                rule.used += 1
                picked[rule.part] = rule
        chance = self._by_chance(provider, operation, reference, earlier_sale=earlier_sale)
        if chance is not None:
            picked.setdefault(chance.part, chance)
        return picked

    def _by_chance(
        self, provider: str, operation: str, reference: str | None, *, earlier_sale: bool
    ) -> Rule | None:
        """Draw by the call alone, not by what runs beside it: so a seed repeats a run."""
        if self._settings.seed is None:
            return None
        key = (provider, operation, reference)
        self._calls[key] += 1
        dice = random.Random(f"{self._settings.seed}/{key}/{self._calls[key]}")  # noqa: S311
        if dice.random() >= self._settings.rate:
            return None
        traits = self._operations[provider][operation]
        kind = dice.choice([kind for kind, said in MEANINGS.items() if said.applies_to & traits])
        if kind in NEEDS_EARLIER_SALE and not earlier_sale:
            return None
        return Rule(
            rule_id=0,
            provider=provider,
            misbehaviour=kind,
            operations=frozenset({operation}),
            operation=operation,
            reference=reference,
            options=MEANINGS[kind].options,
            matched=1,
            used=1,
        )
