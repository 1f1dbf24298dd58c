"""The tree of errors that is drawn, the classes, and what follows from each of them."""

from collections.abc import Iterator

import pytest

from domain import errors
from domain.consequence import ParkedAs
from domain.errors import EsimError, by_code
from domain.profile import PARKED

COLUMNS = (
    ("retry", 10),
    ("on_failure", 11),
    ("parks_as", 20),
    ("fails_over", 11),
    ("is_outage", 10),
    ("http", 0),
)
_NAME_WIDTH = 34
OURS = {"domain.errors", "domain.esim_error", "domain.provider_errors"}


def ours(kind: type[EsimError]) -> list[type[EsimError]]:
    """The classes right below one, without those that a test or a command has added."""
    return [each for each in kind.__subclasses__() if each.__module__ in OURS]


def drawing() -> Iterator[str]:
    """The lines of the tree, each with its columns."""
    yield (" " * _NAME_WIDTH + "".join(name.ljust(width) for name, width in COLUMNS)).rstrip()
    yield from lines(EsimError, "", "")


def lines(kind: type[EsimError], edge: str, indent: str) -> Iterator[str]:
    """One class and those below it."""
    cells = (cell(kind, name).ljust(width) for name, width in COLUMNS)
    yield ((edge + kind.__name__).ljust(_NAME_WIDTH) + "".join(cells)).rstrip()
    children = ours(kind)
    for child in children:
        last = child is children[-1]
        yield from lines(
            child, indent + ("└── " if last else "├── "), indent + ("    " if last else "│   ")
        )


def cell(kind: type[EsimError], column: str) -> str:
    """A value as the table shows it: a dot where it is what holds for any error."""
    attribute = "http_status" if column == "http" else column
    value = getattr(kind, attribute)
    if kind is not EsimError and value == getattr(EsimError, attribute):
        return "."
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """`domain/errors.py` opens with every error, in its place, with what follows from it."""
    assert "\n".join(drawing()) in (errors.__doc__ or "")


def test_a_code_leads_back_to_its_class() -> None:
    """Codes are unique; one that names no class means what any error of ours means."""
    kinds = [kind for kind in EsimError.kinds() if kind.__module__ == errors.__name__]
    assert len(kinds) > 25
    assert [by_code(kind.code) for kind in kinds] == kinds
    for code in ("unknown", "internal-error", ""):
        assert by_code(code) is EsimError


def test_an_activation_parks_in_a_parked_state() -> None:
    """The states that an error may name are those in which a profile waits."""
    assert {str(state) for state in PARKED} == {str(state) for state in ParkedAs}


@pytest.mark.parametrize("kind", EsimError.kinds(), ids=lambda kind: kind.__name__)
def test_a_sentence_for_the_api_quotes_nothing_but_the_message(kind: type[EsimError]) -> None:
    """A message with braces is quoted as it is."""
    assert kind.http_detail.format(message="{code}") in {
        kind.http_detail,
        kind.http_detail.replace("{message}", "{code}"),
    }
