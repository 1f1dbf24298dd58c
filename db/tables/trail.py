"""What was about to be bought, and everything that ever happened to an order."""

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

from db.tables.metadata import created_at, identity, metadata, state
from domain.profile_states import ProfileStatus
from domain.purchase import IntentState

provider_intents = Table(
    "provider_intents",
    metadata,
    identity(),
    Column("order_id", ForeignKey("orders.id"), nullable=False),
    Column("provider", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("state", state(IntentState, "state"), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="1"),
    # What was sent and what came back, without codes, credentials, names or addresses.
    Column("request", JSONB, nullable=False),
    Column("reply", JSONB),
    Column("error_code", Text),
    Column("error", Text),
    Column("inventory_item_id", ForeignKey("esim_inventory.id"), unique=True),
    created_at(),
    Column("sent_at", DateTime(timezone=True)),
    Column("closed_at", DateTime(timezone=True)),
    # At most one purchase of an order may be open: a second one could be a second charge.
    Index(
        "uq_provider_intents_open",
        "order_id",
        unique=True,
        postgresql_where=text("state IN ('INTENDED', 'SENT', 'UNKNOWN')"),
    ),
    Index(
        "uq_provider_intents_confirmed",
        "order_id",
        unique=True,
        postgresql_where=text("state = 'CONFIRMED'"),
    ),
    Index("ix_provider_intents_order_id", "order_id"),
)

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
