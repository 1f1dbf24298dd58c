"""Where a code must never be found: what a stack has written down."""

from collections.abc import Iterable
from pathlib import Path

from tests.e2e.stack import Stack

# Temporal's names of things are no secrets: what is searched for must be findable there.
FINDABLE = "activate-esim-"


def check_files(stack: Stack, secrets: Iterable[str]) -> None:
    """Temporal's database and every log."""
    files = [path for path in stack.folder.rglob("*") if path.is_file() and _is_trace(path.name)]
    contents = {path: path.read_bytes() for path in [*files, _output(stack)]}
    temporal = b"".join(text for path, text in contents.items() if "temporal" in path.name)
    assert FINDABLE.encode() in temporal
    assert any(path.suffix == ".log" for path in files)
    for path, content in contents.items():
        assert [one for one in secrets if one.encode() in content] == [], path


def check_text(where: str, text: str, secrets: Iterable[str]) -> None:
    """None of the secrets is in the text."""
    assert [one for one in secrets if one in text] == [], where


def _output(stack: Stack) -> Path:
    """What `./dev up` itself has said."""
    return stack.folder.with_name(f"{stack.folder.name}.log")


def _is_trace(name: str) -> bool:
    return name.endswith(".log") or name.startswith("temporal.db")
