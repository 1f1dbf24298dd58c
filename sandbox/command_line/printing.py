"""What the commands print: results on stdout, everything about them on stderr."""

import os
import sys
import traceback

from rich.console import Console

# Piped into a file or a pager a table keeps its columns: rich's own guess there is 80.
_PIPED_WIDTH = 160


def console(*, stderr: bool = False) -> Console:
    """Open a console on the stream as it is now."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def say(text: str) -> None:
    """Print one line of a result."""
    console().print(text, soft_wrap=True)


def note(text: str, style: str | None = None) -> None:
    """Print one line about a result."""
    console(stderr=True).print(text, style=style, soft_wrap=True)


def confess(error: Exception) -> None:
    """Print where a defect of ours happened, without its message, which may quote a value."""
    note("".join(traceback.format_tb(error.__traceback__)).rstrip())
    note(f"Error: {type(error).__name__}: a defect in the sandbox. Please report the lines above.")
