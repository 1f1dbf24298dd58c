"""The table of docs/purchases.md is the code's, row by row."""

from pathlib import Path

from domain.purchase import RULES, Heard, Rule
from tests.docs.test_figures import table

_FACTS = {
    "again": {True: "again", False: "first time"},
    "overdue": {True: "overdue"},
    "named": {True: "named before"},
    "absent_before": {True: "absent a settle gap ago"},
}


def test_the_table_of_rules_is_the_code_s() -> None:
    """A row that the page lacks, or orders otherwise, would mislead whoever decides by it."""
    page = (Path(__file__).parents[2] / "docs" / "purchases.md").read_text()
    assert table("purchases.md", "What an answer means") == [shown(rule) for rule in RULES], (
        "Write:\n" + "\n".join(f"| {' | '.join(shown(rule))} |" for rule in RULES)
    )
    assert "The first row that fits decides" in page


def shown(rule: Rule) -> list[str]:
    """A rule as the page writes it."""
    heard = ", ".join(each.value for each in Heard if each in rule.heard)
    given = ", ".join(_fact(name, value) for name, value in rule.given.items())
    becomes = (
        f"{rule.becomes.value} (`{rule.event.value}`)"
        if rule.becomes and rule.event
        else (rule.becomes.value if rule.becomes else "")
    )
    asked = rule.asked.value if rule.asked else "either"
    return [asked, heard, given, becomes, rule.then.value]


def _fact(name: str, value: object) -> str:
    if name in _FACTS and isinstance(value, bool):
        return _FACTS[name][value]
    return f"{'mode' if name == 'mode' else 'while'} {value}"
