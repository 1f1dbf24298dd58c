"""What the commands print: results on stdout, everything about them on stderr.

Nothing printed through here may hold an activation code; texts are never read as rich markup,
so a plan's name cannot style or hide anything.
"""

import logging
import os
import sys
import traceback
from typing import Any

import structlog
from rich.console import Console
from rich.text import Text
from structlog.typing import EventDict

from domain.errors import EsimError
from domain.printable import visible

# Piped into a file or a pager a table keeps its columns: rich's own guess there is 80.
_PIPED_WIDTH = 160


def this_program() -> str:
    """Return how this command line is called here: `./dev` says so; installed it has its name."""
    return os.environ.get("ESIMCTL", "esimctl")


class _Terminal(Console):
    """A console on which foreign text can do nothing but be read."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Rich leaves escape sequences in what it prints."""
        return super().render_str(visible(text), **options)


def console(*, stderr: bool = False) -> Console:
    """Open a console on the stream as it is now."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
    return _Terminal(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def say(text: str = "", style: str | None = None) -> None:
    """Print one line of a result."""
    console().print(text, style=style, soft_wrap=True)


def note(text: str, style: str | None = None) -> None:
    """Print one line about a result: progress, a warning, a hint."""
    console(stderr=True).print(text, style=style, soft_wrap=True)


def log_deeds() -> None:
    """Print on stderr, as the API logs it, what somebody did that no table keeps.

    Other lines are left out: what happened is said once, by `explain`.
    """
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        processors=[
            _by_somebody,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _by_somebody(_logger: object, _method: str, line: EventDict) -> EventDict:
    if "actor" not in line:
        raise structlog.DropEvent
    return line


def explain(error: EsimError) -> None:
    """Print an expected failure in one line: what happened, and what to do next."""
    note(f"Error: {error.message} {error.next_step}".rstrip(), style="red")


def confess(error: Exception) -> None:
    """Print where a defect of ours happened, without its message, which may quote a value."""
    note("".join(traceback.format_tb(error.__traceback__)).rstrip())
    note(f"Error: {type(error).__name__}: a defect in esimctl. Please report the lines above.")
