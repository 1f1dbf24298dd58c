"""A migrated database for each test, as a template has it.

To copy the template takes a sixth of a second, to empty a copy a few milliseconds: so each process
keeps one and empties it after every test. A test that changed more than rows has it replaced.
"""

import os
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import make_url

ROOT = Path(__file__).parent.parent
_TEMPLATE = "esim_template"
_ORDERS_PER_TEST = 10_000


def connect(url: str) -> psycopg.Connection:
    """A connection for statements that no transaction may hold."""
    return psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True)


def prepare(url: str) -> None:
    """Make the template, and the counter by which every process of the run names its databases."""
    with connect(url) as admin:
        admin.execute(f"CREATE DATABASE {_TEMPLATE}")
        admin.execute("CREATE SEQUENCE databases")
    migrate(database(url, _TEMPLATE))


def migrate(url: str, revision: str = "head") -> None:
    """Bring a database to a revision, as `alembic upgrade` does."""
    before = os.environ.get("DATABASE_URL")
    os.environ["DATABASE_URL"] = url
    try:
        command.upgrade(Config(ROOT / "alembic.ini"), revision)
    finally:
        if before is None:
            del os.environ["DATABASE_URL"]
        else:
            os.environ["DATABASE_URL"] = before


def database(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


class OwnDatabase:
    """One process's copy of the template, used by one test after the other.

    `admin` is a connection to another database of the same server.
    """

    def __init__(self, admin: psycopg.Connection, url: str) -> None:
        self._admin = admin
        self._server_url = url
        self._name = ""
        self._mark: object = None

    def fresh(self) -> str:
        """The address of a database without rows; no other test of this run has its order ids."""
        [number] = self._admin.execute("SELECT nextval('databases')").fetchone() or (0,)
        if not self._name:
            self._copy(number)
        with connect(self._url) as connection:
            self._mark = self._mark or _shape(connection)
            first = number * _ORDERS_PER_TEST
            connection.execute("SELECT setval('orders_id_seq', %s, false)", (first,))
        return self._url

    def clear(self) -> None:
        """Take a test's rows away, or the whole database if it is not as it was."""
        try:
            with connect(self._url) as connection:
                connection.execute(_END_OTHERS)
                connection.execute(_EMPTY)
                is_as_before = _shape(connection) == self._mark
        except psycopg.Error:  # it lets nobody in, or ends whoever comes
            is_as_before = False
        if not is_as_before:
            self.drop()

    def drop(self) -> None:
        """Drop it, whoever still uses it."""
        if self._name:
            self._admin.execute(f"DROP DATABASE {self._name} WITH (FORCE)")
        self._name, self._mark = "", None

    @property
    def _url(self) -> str:
        return database(self._server_url, self._name)

    def _copy(self, number: int) -> None:
        self._name = f"esim_{number}"
        # Without fsync, copying files is cheaper than logging every page.
        self._admin.execute(f"CREATE DATABASE {self._name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY")


_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

# Without triggers: those forbid it. A sequence's own file is kept: setval does not replace it.
_EMPTY = """
    DO $$
    DECLARE name text;
    BEGIN
        SET LOCAL session_replication_role = replica;
        FOR name IN
            SELECT tablename FROM pg_tables
            WHERE schemaname = 'public' AND tablename <> 'alembic_version'
        LOOP
            EXECUTE format('DELETE FROM %I', name);
        END LOOP;
        PERFORM setval(sequencename::regclass, start_value, false) FROM pg_sequences
        WHERE schemaname = 'public';
    END $$
"""

_FEW_PAGES = 200


def _shape(connection: psycopg.Connection) -> object:
    """What a test without traces leaves as it was: every catalogue's youngest row, and the size."""
    youngest = " UNION ALL ".join(
        f"SELECT max(xmin::text::bigint), count(*) FROM {catalogue}" for catalogue in _CATALOGUES
    )
    rows = connection.execute(youngest + _OWN_ROW).fetchall()
    [pages] = connection.execute(_PAGES).fetchone() or (0,)
    return rows, pages > _FEW_PAGES


_CATALOGUES = (
    *("pg_class", "pg_attribute", "pg_trigger", "pg_proc", "pg_constraint", "pg_statistic"),
    "alembic_version",
)
_OWN_ROW = """
    UNION ALL
    SELECT xmin::text::bigint, oid::bigint FROM pg_database WHERE datname = current_database()
"""
_PAGES = """
    SELECT COALESCE(sum(pg_relation_size(oid)) / 8192, 0) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
"""
