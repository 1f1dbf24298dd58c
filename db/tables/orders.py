"""The tables of users, orders and payments: who bought what, and whether it is paid."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from db.tables.metadata import created_at, identity, metadata, state
from domain.access import Role
from domain.order import OrderStatus
from domain.payment import PaymentStatus

users = Table(
    "users",
    metadata,
    identity(),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text),
    created_at(),
    Column("blocked_at", DateTime(timezone=True)),
    Column("blocked_by", Text),
    Column("blocked_reason", Text),
)

# Whoever has no row here is a customer.
user_roles = Table(
    "user_roles",
    metadata,
    Column("user_id", ForeignKey("users.id"), primary_key=True),
    Column("role", state(Role, "role"), primary_key=True),
    Column("granted_by", Text, nullable=False),
    Column("granted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

orders = Table(
    "orders",
    metadata,
    identity(),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("plan_id", ForeignKey("plans.id"), nullable=False),
    Column(
        "status",
        state(OrderStatus, "status"),
        nullable=False,
        server_default=OrderStatus.CREATED.name,
    ),
    Column("currency", Text, nullable=False),
    Column("amount_minor_units", BigInteger, nullable=False),
    # The plan as it was when it was bought: later price or name changes do not reach it.
    Column("plan_snapshot", JSONB, nullable=False, server_default=text("'{}'")),
    Column("idempotency_key", Text),
    Column("paid_at", DateTime(timezone=True)),
    created_at(),
    UniqueConstraint("user_id", "idempotency_key"),
    CheckConstraint("amount_minor_units >= 0", name="amount"),
    CheckConstraint("status <> 'PAID' OR paid_at IS NOT NULL", name="paid_at"),
    Index("ix_orders_user_id_id", "user_id", "id"),
)

payments = Table(
    "payments",
    metadata,
    identity(),
    Column("order_id", ForeignKey("orders.id"), nullable=False),
    Column("provider", Text, nullable=False),
    Column("intent_id", Text, nullable=False, unique=True),
    Column(
        "status",
        state(PaymentStatus, "status"),
        nullable=False,
        server_default=PaymentStatus.PENDING.name,
    ),
    Column("amount_minor_units", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    created_at(),
    Column("settled_at", DateTime(timezone=True)),
    # One payment of an order can succeed; a second one would be a second charge.
    Index(
        "uq_payments_one_success",
        "order_id",
        unique=True,
        postgresql_where=text("status = 'SUCCEEDED'"),
    ),
    Index("ix_payments_order_id", "order_id"),
)
