"""What a session with Postgres must be like, whoever opens it: the pools, the locks, LISTEN.

A role, a database or a server may have other defaults than the ones our code was written for, and
after a switch-over the server is another one. So what the code relies on is set in every session,
by a statement: connection poolers drop or refuse what is asked for at the start of a connection.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from psycopg import AsyncConnection
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import ends_the_connection

# How soon the loss of the other host shows here; by default it takes a quarter of an hour.
TRANSPORT: Mapping[str, Any] = MappingProxyType(
    {
        "client_encoding": "UTF8",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 25_000,
    }
)
"""Options of libpq for every connection. Times in seconds; the last one in milliseconds."""

_SETTINGS = {
    # psycopg reads times and intervals in these forms alone; our SQL counts days in UTC.
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "standard_conforming_strings": "on",
    # What is read again after a lock must be as it is now.
    "default_transaction_isolation": "read committed",
    # A lock or a statement that takes longer is a fault to report, not a wait to sit out.
    "lock_timeout": "5s",
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": "30s",
    # Keepalives tell the server of a host that has gone without a word: the locks of its sessions
    # go after 25 s instead of two hours. A process that only stands still keeps them: its kernel
    # answers.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25s",
    # On disks without a moving head the planner's default makes it read everybody's newest orders
    # in turn, to find one customer's, instead of the index that has them.
    "random_page_cost": "1.1",
}
# Never `default_transaction_read_only`: who sets that fences a server off, and we must not climb
# over the fence. Nor `search_path`: it says where a deployment has put our tables.

_SET_UP = "SELECT " + ", ".join(
    f"set_config('{name}', '{setting}', false)" for name, setting in _SETTINGS.items()
)


def refuses_writes(connection: AsyncConnection[Any]) -> bool:
    """Tell whether a session is one of a standby, or of a server that is fenced off.

    Asks nobody: since version 14 Postgres reports both by itself, with its last answer.
    """
    reported = connection.info.parameter_status
    return not connection.closed and "on" in (
        reported("in_hot_standby"),
        reported("default_transaction_read_only"),
    )


def prepare_sessions(engine: AsyncEngine) -> AsyncEngine:
    """Make every connection of an engine set its session up, and end when it is of no use.

    After a switch-over a pool's connections may lead to a server that reads and refuses writes;
    they look alive. One such refusal renews the whole pool. A session that refuses writes is used
    once, so that reads go on while there is nothing else, and then closed.
    """
    event.listen(engine.sync_engine, "connect", _set_up)
    event.listen(engine.sync_engine, "checkin", _drop_if_it_refuses_writes)
    event.listen(engine.sync_engine, "handle_error", _end_what_is_of_no_use)
    return engine


def _set_up(connection: Any, _record: object) -> None:
    before, connection.autocommit = connection.autocommit, True
    with connection.cursor() as cursor:
        cursor.execute(_SET_UP)
    connection.autocommit = before


def _drop_if_it_refuses_writes(connection: Any, record: Any) -> None:
    if connection is not None and refuses_writes(connection.driver_connection):
        record.invalidate()


def _end_what_is_of_no_use(context: ExceptionContext) -> None:
    if ends_the_connection(context.original_exception):
        context.is_disconnect = True
