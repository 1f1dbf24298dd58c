"""Brings a stack's database to the newest schema, unless it is there.

Asking alembic costs a second of every start, so what it did last time is remembered beside the
database: which migrations there were, and the version they led to.
"""

import hashlib
import json
from pathlib import Path

import psycopg

from local.keeper import run_once
from local.postgres import Postgres
from local.process import Command

_MIGRATIONS = Path(__file__).resolve().parents[1] / "db" / "migrations"


async def migrate(database: Postgres, migration: Command) -> None:
    """Run the migrations that this database has not seen.

    Raises:
        StackFault: a migration failed; holds the end of its log.
    """
    remembered = database.folder / "migrated.json"
    if remembered.exists() and json.loads(remembered.read_text()) == _present(database):
        return
    remembered.unlink(missing_ok=True)
    await run_once("Migrating", migration)
    remembered.write_text(json.dumps(_present(database)))


def _present(database: Postgres) -> list[str]:
    """Read the migrations in the repository, and the version in the database."""
    digest = hashlib.sha256()
    for script in sorted(_MIGRATIONS.rglob("*.py")):
        digest.update(script.read_bytes())
    return [digest.hexdigest(), _version(database)]


def _version(database: Postgres) -> str:
    try:
        with psycopg.connect(database.dsn, connect_timeout=5) as client:
            row = client.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.Error:  # no such table yet; and if it is more than that, alembic will say so
        row = None
    return str(row[0]) if row else ""
