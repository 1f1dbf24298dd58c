"""The table that a readiness check writes to: one row, to see that a write works."""

from sqlalchemy import Column, DateTime, SmallInteger, Table

from db.tables.metadata import metadata

readiness = Table(
    "readiness",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("checked_at", DateTime(timezone=True), nullable=False),
)
