"""The table of everything that happened to an order."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from db.tables.metadata import identity, metadata, state
from domain.profile import ProfileStatus

esim_provisioning_events = Table(
    "esim_provisioning_events",
    metadata,
    identity(),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("from_status", state(ProfileStatus, "from_status")),
    Column("to_status", state(ProfileStatus, "to_status")),
    Column("actor", Text, nullable=False),
    Column("attempt", Integer),
    Column("workflow_id", Text),
    Column("run_id", Text),
    Column("error_code", Text),
    Column("error", Text),
    Column("payload", JSONB, nullable=False, server_default=text("'{}'")),
    # The moment of the event, not of its transaction: one transaction may hold several.
    Column(
        "created_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.clock_timestamp(),
    ),
    Index("ix_esim_provisioning_events_order_id_id", "order_id", "id"),
)
