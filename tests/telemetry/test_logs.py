"""Log lines: one form for everybody, and no value of any variable in an exception."""

import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog
from pydantic import BaseModel, ValidationError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from domain.errors import OrderNotFound
from settings import LogSettings
from telemetry.logs import configure_logging, show_exception_without_values

CANARY = "LPA:1$smdp.example.com$CANARY"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_our_lines_and_those_of_libraries_have_one_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """JSON on stdout with time, level and logger; context is on both."""
    configure_logging(LogSettings(log_format="json"))
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger("ours").info("order_placed", order_id=42)
        logging.getLogger("uvicorn.error").warning("went %s", "wrong")
    ours, theirs = _lines(capsys)
    assert ours["event"] == "order_placed"
    assert ours["order_id"] == 42
    assert (theirs["event"], theirs["level"]) == ("went wrong", "warning")
    for line in (ours, theirs):
        assert line["request_id"] == "r-1"
        assert {"timestamp", "level", "logger"} <= line.keys()


def test_levels_are_kept_and_chatter_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing below the level; no second access line from the server."""
    configure_logging(LogSettings(log_format="json", log_level="INFO"))
    logging.getLogger("anything").debug("detail")
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("httpx").info("HTTP Request")
    assert _lines(capsys) == []


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_line_steers_a_terminal(
    capsys: pytest.CaptureFixture[str], log_format: Literal["json", "console"]
) -> None:
    """A stranger's path may hold escape sequences; what is printed holds them as text."""
    configure_logging(LogSettings(log_format=log_format))
    structlog.get_logger("ours").info("request", path="/\x1b[2J\x9b31m\r\u202e")
    said = capsys.readouterr().out
    assert [each for each in ("\x1b[2J", "\x9b", "\r", "\u202e") if each in said] == []
    assert "[2J" in said


def test_people_can_read_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    """LOG_FORMAT=console."""
    configure_logging(LogSettings(log_format="console"))
    structlog.get_logger("ours").info("order_placed", order_id=42)
    assert "order_placed" in capsys.readouterr().out


def test_an_exception_shows_where_and_never_what(capsys: pytest.CaptureFixture[str]) -> None:
    """Our own frames with file, line and function; no local variable."""
    configure_logging(LogSettings(log_format="json"))
    _fail_with_a_code_in_hand()
    [line] = _lines(capsys)
    shown = str(line["exception"])
    assert "tests/telemetry/test_logs.py" in shown
    assert "in _fail_with_a_code_in_hand" in shown
    assert "OrderNotFound: Order not found" in shown
    assert "CANARY" not in json.dumps(line)


def _fail_with_a_code_in_hand() -> None:
    activation_code = CANARY
    try:
        _refuse(activation_code)
    except OrderNotFound:
        structlog.get_logger("ours").exception("failed")


def _refuse(activation_code: str) -> None:
    assert activation_code
    raise OrderNotFound("Order not found")


def test_what_drivers_and_validators_say_is_withheld(
    postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their texts quote values; class names and our frames are enough to find the place."""
    configure_logging(LogSettings(log_format="json"))
    _violate_a_constraint(postgres_url)
    _break_a_model()
    database, model = _lines(capsys)
    assert "sqlalchemy.exc.IntegrityError: [text withheld" in str(database["exception"])
    assert "psycopg.errors.UniqueViolation: [text withheld" in str(database["exception"])
    assert "ValidationError: [text withheld" in str(model["exception"])
    assert "CANARY" not in json.dumps([database, model])


def _violate_a_constraint(url: str) -> None:
    engine = create_engine(url)
    twice = text("INSERT INTO codes SELECT :code FROM generate_series(1, 2)")
    with engine.connect() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE codes (code text UNIQUE)"))
        with pytest.raises(DBAPIError, match="CANARY") as caught:
            connection.execute(twice, {"code": CANARY})
    engine.dispose()
    structlog.get_logger("ours").error("failed", exc_info=caught.value)


class _Order(BaseModel):
    id: int


def _break_a_model() -> None:
    with pytest.raises(ValidationError, match="CANARY") as caught:
        _Order.model_validate({"id": CANARY})
    structlog.get_logger("ours").error("failed", exc_info=caught.value)


def test_groups_and_chains_are_shown_whole() -> None:
    """Causes first, then what they led to; members of a group below it; a loop ends."""
    cause = ValueError("the cause")
    outer = RuntimeError("the effect")
    outer.__cause__ = cause
    cause.__context__ = outer
    group = ExceptionGroup("together", [outer, KeyError("another")])
    shown = str(show_exception_without_values(None, "error", {"exc_info": group})["exception"])
    assert shown.index("the cause") < shown.index("which led to") < shown.index("the effect")
    assert "  | KeyError: 'another'" in shown


def test_a_code_in_a_message_is_withheld() -> None:
    """Whoever quotes one by mistake: the rest of the sentence is shown."""
    error = ValueError(f"cannot use {CANARY} for order 42")
    shown = str(show_exception_without_values(None, "error", {"exc_info": error})["exception"])
    assert shown == "ValueError: cannot use [code withheld] for order 42"
