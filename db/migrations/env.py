"""Runs migrations against DATABASE_URL."""

from alembic import context
from sqlalchemy import create_engine

from db.tables import metadata
from settings import DatabaseSettings, load


def run_migrations() -> None:
    url = load(DatabaseSettings).database_url.get_secret_value()
    engine = create_engine(url, hide_parameters=True)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            # A concurrent build of an index ends the transaction: only its own migration's.
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Offline migrations are not supported: set DATABASE_URL and run online.")
run_migrations()
