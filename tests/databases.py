"""A fresh migrated database for each test, copied from a template."""

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


def create_database(admin: psycopg.Connection, url: str) -> str:
    """Copy the template; no other database of this run gives the same order ids."""
    [number] = admin.execute("SELECT nextval('databases')").fetchone() or (0,)
    name = f"esim_{number}"
    # Without fsync, copying files is cheaper than logging every page.
    admin.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY")
    with connect(database(url, name)) as connection:
        connection.execute(f"SELECT setval('orders_id_seq', {number * _ORDERS_PER_TEST}, false)")
    return name


def drop_database(admin: psycopg.Connection, name: str) -> None:
    """Drop it, whoever still uses it."""
    admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
