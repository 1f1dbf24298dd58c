"""What all tables share: naming of constraints, and the shapes of common columns."""

from enum import StrEnum

from sqlalchemy import BigInteger, Column, DateTime, Enum, Identity, MetaData, func

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def identity() -> Column[int]:
    """Make a column with a 64-bit key that the database hands out."""
    return Column("id", BigInteger, Identity(), primary_key=True)


def created_at() -> Column[object]:
    """Make a column that says when the row was written, by the database's clock."""
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now())


def state(enum: type[StrEnum], name: str) -> Enum:
    """Make a column for a state, stored as the member's name; a CHECK lists the names."""
    return Enum(enum, name=name, native_enum=False, create_constraint=True, length=32)
