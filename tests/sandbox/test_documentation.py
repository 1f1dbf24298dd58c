"""docs/sandbox.md says what the code does."""

from collections.abc import Mapping
from pathlib import Path

from sandbox.misbehaviours import MEANINGS
from sandbox.sandbox import CONTRACTS

_PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()


def test_the_list_of_misbehaviours_is_complete() -> None:
    """Name, options and sentence of every one, in the code's order."""
    listed = [line for line in _PAGE.splitlines() if line.startswith("- `") and _kind(line)]
    assert listed == [
        f"- `{kind}`{_options(said.options)}: {said.sentence}" for kind, said in MEANINGS.items()
    ]


def test_every_operation_is_named() -> None:
    """A rule needs its name."""
    assert all(f"`{name}`" in _PAGE for contract in CONTRACTS for name in contract.operations)


def _kind(line: str) -> bool:
    return line.split("`")[1] in set(MEANINGS)


def _options(options: Mapping[str, float | str]) -> str:
    told = ", ".join(f"`{name}={value}`" for name, value in options.items())
    return f" ({told})" if told else ""
