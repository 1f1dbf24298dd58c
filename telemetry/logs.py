"""What a log line looks like: one JSON object on stdout, or coloured text for people.

The API, the worker and the command line all log through here, and so do the libraries under
them (uvicorn, temporalio). A log line never shows local variables, and never what a database
driver or a validator says, because both quote the values they stumbled over.
"""

import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from domain.printable import visible
from domain.redaction import without_codes
from settings import LogSettings

_OUR_CODE = Path(__file__).resolve().parents[1]
_FOREIGN_CODE = ("site-packages", "dist-packages")

# Their messages quote statements, parameters or input.
_QUOTES_VALUES = frozenset({"sqlalchemy", "psycopg", "psycopg_pool", "pydantic", "pydantic_core"})

# Loud or redundant at INFO: an access line of our own carries more.
_QUIETER = ("uvicorn.access", "httpx", "httpcore", "asyncio")
_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access")


def configure_logging(settings: LogSettings) -> None:
    """Send every log line of this process to stdout in one form. Idempotent."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        show_exception_without_values,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(settings.log_format),
            ],
        )
    )
    _install(handler, settings.log_level)


def show_exception_without_values(
    logger: WrappedLogger,  # noqa: ARG001 - structlog's signature
    method: str,  # noqa: ARG001
    event: EventDict,
) -> EventDict:
    """Replace `exc_info` by text that holds no value of any variable."""
    error = _exception(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = "\n".join(_lines(error))
    return event


def show_control_characters(
    logger: WrappedLogger,  # noqa: ARG001 - structlog's signature
    method: str,  # noqa: ARG001
    event: EventDict,
) -> EventDict:
    """Make visible what would steer a terminal; JSON escapes it anyway."""
    return {
        name: visible(value) if isinstance(value, str) else value for name, value in event.items()
    }


def _install(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _OWN_HANDLERS:
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    for name in _QUIETER:
        logging.getLogger(name).setLevel(logging.WARNING)


def _renderers(log_format: str) -> tuple[Processor, ...]:
    if log_format == "json":
        return (structlog.processors.JSONRenderer(),)
    return show_control_characters, structlog.dev.ConsoleRenderer()


def _exception(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def _lines(error: BaseException, seen: frozenset[int] = frozenset()) -> Iterator[str]:
    """Describe an exception and those that led to it, the first cause first."""
    seen |= {id(error)}
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None and id(earlier) not in seen:
        yield from _lines(earlier, seen)
        yield "which led to:"
    yield from _frames(error.__traceback__)
    yield _headline(error)
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from (f"  | {line}" for line in _lines(part, seen))


def _frames(trace: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(trace):
        path = Path(frame.filename)
        if _OUR_CODE in path.parents and not set(_FOREIGN_CODE) & set(path.parts):
            yield f"  {path.relative_to(_OUR_CODE)}:{frame.lineno} in {frame.name}"


def _headline(error: BaseException) -> str:
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    quoting = any(base.__module__.partition(".")[0] in _QUOTES_VALUES for base in kind.__mro__)
    if quoting or _raised_by_converter(error):
        return f"{name}: [text withheld, it may quote values]"
    return f"{name}: {without_codes(str(error))}"


def _raised_by_converter(error: BaseException) -> bool:
    """Tell whether temporalio could not read a payload: its message quotes what was sent."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and "temporalio/converter" in frames[-1].filename.replace("\\", "/")
