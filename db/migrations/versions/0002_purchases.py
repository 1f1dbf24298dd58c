"""Purchases that are accepted, reviewed, released and returned; gates, quarantine, webhooks.

Profiles get their confirmation codes.

Expand only: what the older code writes is still legal, so its workers run on beside the new ones.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OPEN = "state IN ('INTENDED', 'SENT', 'ACCEPTED', 'UNKNOWN')"
OPEN_BEFORE = "state IN ('INTENDED', 'SENT', 'UNKNOWN')"
STATES = "'INTENDED', 'SENT', 'ACCEPTED', 'CONFIRMED', 'REFUSED', 'UNKNOWN', 'RESOLVED'"
STATES_BEFORE = "'INTENDED', 'SENT', 'CONFIRMED', 'REFUSED', 'UNKNOWN', 'RESOLVED'"
RESOLVED = (
    "(state = 'RESOLVED') = (resolution IS NOT NULL AND resolved_by IS NOT NULL"
    " AND resolved_reason IS NOT NULL)"
)
RESOLVED_BY_SQL = (
    "UPDATE provider_intents SET resolution = CASE WHEN inventory_item_id IS NULL"
    " THEN 'ABSENT' ELSE 'EXISTS' END, resolved_by = 'unnamed',"
    " resolved_reason = 'settled by SQL' WHERE state = 'RESOLVED'"
)
CODES_OF_EARLIER_ACTIVATIONS = (
    "UPDATE esim_profiles SET confirmation_code = item.confirmation_code FROM esim_inventory item"
    " WHERE item.id = inventory_item_id AND item.confirmation_code IS NOT NULL"
    " AND esim_profiles.status IN ('ASSIGNED', 'ACTIVATED')"
)
TEXTS = ("plan_code", "provider_order_id", "return_error", "resolved_by", "resolved_reason")
MOMENTS = ("accepted_at", "absent_at", "released_at", "returned_at", "downloaded_at")


def moment(name: str, *, nullable: bool = True, now: bool = False) -> sa.Column[object]:
    default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def states(states: str) -> None:
    """The states that an intent may have."""
    op.drop_constraint("ck_provider_intents_state", "provider_intents")
    op.create_check_constraint(
        op.f("ck_provider_intents_state"), "provider_intents", f"state IN ({states})"
    )


def upgrade() -> None:
    # A migration that waits for a lock blocks everyone behind it: give up early instead.
    op.execute("SET lock_timeout = '5s'")
    # Profiles before intents, the order in which workers lock them.
    op.add_column("esim_profiles", sa.Column("confirmation_code", sa.Text(), nullable=True))
    op.execute(CODES_OF_EARLIER_ACTIVATIONS)
    extend_intents()
    op.create_table(
        "quarantined_replies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("intent_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        moment("created_at", nullable=False, now=True),
        sa.ForeignKeyConstraint(
            ["intent_id"], ["provider_intents.id"], name=op.f("fk_quarantined_replies_intent_id")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_quarantined_replies_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantined_replies")),
    )
    op.create_index("ix_quarantined_replies_order_id", "quarantined_replies", ["order_id"])
    op.create_index("ix_quarantined_replies_intent_id", "quarantined_replies", ["intent_id"])
    create_gates()
    create_webhooks()


def extend_intents() -> None:
    for name in TEXTS:
        op.add_column("provider_intents", sa.Column(name, sa.Text(), nullable=True))
    for name in MOMENTS:
        op.add_column("provider_intents", moment(name))
    resolution = sa.Enum(
        "EXISTS",
        "ABSENT",
        "GIVEN_UP",
        name="resolution",
        native_enum=False,
        create_constraint=True,
        length=32,
    )
    op.add_column("provider_intents", sa.Column("resolution", resolution, nullable=True))
    states(STATES)
    # People settled a purchase by SQL before there was a command.
    op.execute(RESOLVED_BY_SQL)
    op.create_check_constraint(
        op.f("ck_provider_intents_resolved_says_who_and_why"), "provider_intents", RESOLVED
    )
    op.create_check_constraint(
        op.f("ck_provider_intents_accepted_has_an_order_id"),
        "provider_intents",
        "state <> 'ACCEPTED' OR provider_order_id IS NOT NULL",
    )
    # The new index stands before the old one goes: there is no moment without a guard.
    op.create_index(
        "uq_provider_intents_one_open",
        "provider_intents",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text(OPEN),
    )
    op.drop_index("uq_provider_intents_open", table_name="provider_intents")
    for columns in (["provider", "reference"], ["provider", "provider_order_id"], ["sent_at"]):
        name = f"ix_provider_intents_{'_'.join(columns)}"
        op.create_index(name, "provider_intents", columns)
    op.create_index(
        "ix_provider_intents_unknown",
        "provider_intents",
        ["id"],
        postgresql_where=sa.text("state = 'UNKNOWN'"),
    )


def create_gates() -> None:
    op.create_table(
        "provider_gates",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("paused_by", sa.Text(), nullable=True),
        sa.Column("paused_reason", sa.Text(), nullable=True),
        moment("paused_at"),
        moment("blocked_until"),
        moment("next_call_at"),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        moment("opened_at"),
        moment("probe_at"),
        moment("last_success_at"),
        moment("last_failure_at"),
        sa.Column("last_failure_code", sa.Text(), nullable=True),
        sa.Column("balance", sa.Numeric(precision=20, scale=4), nullable=True),
        sa.Column("balance_currency", sa.Text(), nullable=True),
        moment("balance_at"),
        sa.CheckConstraint(
            "NOT paused OR (paused_by IS NOT NULL AND paused_reason IS NOT NULL"
            " AND paused_at IS NOT NULL)",
            name=op.f("ck_provider_gates_paused_says_who_and_why"),
        ),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_provider_gates_failures")),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_gates")),
    )


def create_webhooks() -> None:
    op.create_table(
        "provider_webhooks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "ORDER_READY",
                "ORDER_FAILED",
                "DOWNLOADED",
                "INSTALLED",
                "OTHER",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("provider_order_id", sa.Text(), nullable=True),
        sa.Column("iccid", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        moment("received_at", nullable=False, now=True),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_provider_webhooks_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_webhooks")),
        sa.UniqueConstraint(
            "provider", "event_id", name=op.f("uq_provider_webhooks_provider_event_id")
        ),
    )
    op.create_index(
        "ix_provider_webhooks_provider_provider_order_id",
        "provider_webhooks",
        ["provider", "provider_order_id"],
    )
    op.create_index("ix_provider_webhooks_order_id", "provider_webhooks", ["order_id"])


def downgrade() -> None:
    op.execute("SET lock_timeout = '5s'")
    for table in ("provider_webhooks", "provider_gates", "quarantined_replies"):
        op.drop_table(table)
    # Accepted is what the older code calls unknown: sent, and nobody knows.
    op.execute("UPDATE provider_intents SET state = 'UNKNOWN' WHERE state = 'ACCEPTED'")
    op.create_index(
        "uq_provider_intents_open",
        "provider_intents",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text(OPEN_BEFORE),
    )
    for index in (
        "uq_provider_intents_one_open",
        "ix_provider_intents_provider_reference",
        "ix_provider_intents_provider_provider_order_id",
        "ix_provider_intents_sent_at",
        "ix_provider_intents_unknown",
    ):
        op.drop_index(index, table_name="provider_intents")
    for constraint in ("resolved_says_who_and_why", "accepted_has_an_order_id"):
        op.drop_constraint(f"ck_provider_intents_{constraint}", "provider_intents")
    states(STATES_BEFORE)
    for name in (*MOMENTS, *TEXTS, "resolution"):
        op.drop_column("provider_intents", name)
    op.drop_column("esim_profiles", "confirmation_code")
