"""docs/sandbox.md says what the code does."""

from pathlib import Path

from sandbox.misbehaviours import MEANINGS
from sandbox.sandbox import CONTRACTS

_PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()


def test_the_table_of_misbehaviours_is_complete() -> None:
    """Name, sentence and options of every one, in the code's order."""
    rows = [line.split(" | ")[:3] for line in _PAGE.splitlines() if line.startswith("| `")]
    listed = [row for row in rows if row[0].strip("| `") in set(MEANINGS)]
    assert listed == [
        [f"| `{kind}`", said.sentence, _options(said.options) or "none"]
        for kind, said in MEANINGS.items()
    ]


def test_every_operation_is_named() -> None:
    """A rule needs its name."""
    assert all(f"`{name}`" in _PAGE for contract in CONTRACTS for name in contract.operations)


def _options(options: object) -> str:
    assert isinstance(options, dict)
    return ", ".join(f"`{name}={value}`" for name, value in options.items())
