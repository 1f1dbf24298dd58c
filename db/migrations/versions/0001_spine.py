"""The first schema: catalogue, sales, stock, profiles, intents and the audit trail.

Revision ID: 0001
Revises: -
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The edges of domain/profile_states.py and domain/inventory_states.py, written out: a migration
# never changes after it has run, whatever the code says later. A test compares the two.
PROFILE_EDGES = """
    ('PENDING_ACTIVATION', 'RESERVED'),
    ('PENDING_ACTIVATION', 'PROVISIONING_FAILED'),
    ('PENDING_ACTIVATION', 'EXHAUSTED'),
    ('PENDING_ACTIVATION', 'NEEDS_REVIEW'),
    ('PENDING_ACTIVATION', 'CANCELLED'),
    ('RESERVED', 'ASSIGNED'),
    ('RESERVED', 'PENDING_ACTIVATION'),
    ('RESERVED', 'CANCELLED'),
    ('ASSIGNED', 'ACTIVATED'),
    ('ASSIGNED', 'EXPIRED'),
    ('ACTIVATED', 'EXPIRED'),
    ('PROVISIONING_FAILED', 'PENDING_ACTIVATION'),
    ('PROVISIONING_FAILED', 'CANCELLED'),
    ('EXHAUSTED', 'PENDING_ACTIVATION'),
    ('EXHAUSTED', 'CANCELLED'),
    ('NEEDS_REVIEW', 'PENDING_ACTIVATION'),
    ('NEEDS_REVIEW', 'CANCELLED')
"""
INVENTORY_EDGES = """
    ('AVAILABLE', 'RESERVED'),
    ('AVAILABLE', 'RETIRED'),
    ('RESERVED', 'ASSIGNED'),
    ('RESERVED', 'AVAILABLE'),
    ('RESERVED', 'RETIRED'),
    ('ASSIGNED', 'RETIRED')
"""


def guard_edges(table: str, edges: str) -> None:
    """Refuse, in the database itself, a change of state that the machine does not have."""
    op.execute(f"""
        CREATE FUNCTION {table}_status_edge() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (OLD.status, NEW.status) NOT IN ({edges}) THEN
                RAISE EXCEPTION '{table} cannot go from % to %', OLD.status, NEW.status
                    USING ERRCODE = 'ES001';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute(f"""
        CREATE TRIGGER {table}_status_edge BEFORE UPDATE OF status ON {table}
        FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
        EXECUTE FUNCTION {table}_status_edge()
    """)


def keep_events_append_only() -> None:
    """The trail is evidence: no row of it ever changes or goes."""
    op.execute("""
        CREATE FUNCTION esim_provisioning_events_append_only() RETURNS trigger
        LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'esim_provisioning_events is append-only' USING ERRCODE = 'ES002';
        END $$
    """)
    op.execute("""
        CREATE TRIGGER esim_provisioning_events_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON esim_provisioning_events
        FOR EACH STATEMENT EXECUTE FUNCTION esim_provisioning_events_append_only()
    """)
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON esim_provisioning_events FROM PUBLIC")


def announce_events() -> None:
    """Wake whoever waits for an order as soon as the change behind the event is committed."""
    op.execute("""
        CREATE FUNCTION esim_provisioning_events_notify() RETURNS trigger
        LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('esim_events', NEW.order_id::text);
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER esim_provisioning_events_notify
        AFTER INSERT ON esim_provisioning_events
        FOR EACH ROW EXECUTE FUNCTION esim_provisioning_events_notify()
    """)


def upgrade() -> None:
    # A migration that waits for a lock blocks everyone behind it: give up early instead.
    op.execute("SET lock_timeout = '5s'")
    op.create_table(
        "carriers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carriers")),
        sa.UniqueConstraint("name", name=op.f("uq_carriers_name")),
    )
    op.create_table(
        "countries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("iso2", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.CheckConstraint("iso2 ~ '^[A-Z]{2}$'", name=op.f("ck_countries_iso2")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_countries")),
        sa.UniqueConstraint("iso2", name=op.f("uq_countries_iso2")),
    )
    op.create_table(
        "inventory_imports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_imports")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("country_id", sa.BigInteger(), nullable=True),
        sa.Column("carrier_id", sa.BigInteger(), nullable=True),
        sa.Column("data_gb", sa.Numeric(precision=10, scale=3), nullable=True),
        sa.Column("duration_days", sa.Integer(), nullable=True),
        sa.Column("price_minor_units", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="USD", nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_plans_currency")),
        sa.CheckConstraint("price_minor_units >= 0", name=op.f("ck_plans_price")),
        sa.ForeignKeyConstraint(["carrier_id"], ["carriers.id"], name=op.f("fk_plans_carrier_id")),
        sa.ForeignKeyConstraint(["country_id"], ["countries.id"], name=op.f("fk_plans_country_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "CREATED",
                "PAID",
                "PAYMENT_FAILED",
                "REFUNDED",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="CREATED",
            nullable=False,
        ),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor_units", sa.BigInteger(), nullable=False),
        sa.Column(
            "plan_snapshot",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status <> 'PAID' OR paid_at IS NOT NULL", name=op.f("ck_orders_paid_at")
        ),
        sa.CheckConstraint("amount_minor_units >= 0", name=op.f("ck_orders_amount")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_orders_plan_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_orders_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint(
            "user_id", "idempotency_key", name=op.f("uq_orders_user_id_idempotency_key")
        ),
    )
    op.create_table(
        "plan_codes",
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("plan_code", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="100", nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_plan_codes_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", "provider", name=op.f("pk_plan_codes")),
    )
    op.create_table(
        "esim_inventory",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=True),
        sa.Column("carrier_id", sa.BigInteger(), nullable=True),
        sa.Column("country_id", sa.BigInteger(), nullable=True),
        sa.Column("activation_code", sa.Text(), nullable=False),
        sa.Column("iccid", sa.Text(), nullable=True),
        sa.Column("qr_payload", sa.Text(), nullable=True),
        sa.Column("instructions", sa.Text(), nullable=True),
        sa.Column("confirmation_code", sa.Text(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "AVAILABLE",
                "RESERVED",
                "ASSIGNED",
                "RETIRED",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="AVAILABLE",
            nullable=False,
        ),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("provider_reference", sa.Text(), nullable=True),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "metadata",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "installable",
            sa.Boolean(),
            sa.Computed(
                "COALESCE(qr_payload, activation_code) ~ '^(LPA:)?1\\$[^$]+\\.[^$]+\\$'",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("stock_seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("iccid ~ '^[0-9]{18,20}$'", name=op.f("ck_esim_inventory_iccid")),
        sa.CheckConstraint(
            "status <> 'ASSIGNED' OR assigned_at IS NOT NULL",
            name=op.f("ck_esim_inventory_assigned_at"),
        ),
        sa.CheckConstraint(
            "status <> 'AVAILABLE' OR order_id IS NULL",
            name=op.f("ck_esim_inventory_available_is_free"),
        ),
        sa.CheckConstraint(
            "status <> 'RESERVED' OR reserved_at IS NOT NULL",
            name=op.f("ck_esim_inventory_reserved_at"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('RESERVED', 'ASSIGNED') OR order_id IS NOT NULL",
            name=op.f("ck_esim_inventory_held_for_an_order"),
        ),
        sa.CheckConstraint(
            "length(activation_code) BETWEEN 1 AND 255",
            name=op.f("ck_esim_inventory_activation_code"),
        ),
        sa.ForeignKeyConstraint(
            ["carrier_id"], ["carriers.id"], name=op.f("fk_esim_inventory_carrier_id")
        ),
        sa.ForeignKeyConstraint(
            ["country_id"], ["countries.id"], name=op.f("fk_esim_inventory_country_id")
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["inventory_imports.id"], name=op.f("fk_esim_inventory_import_id")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_esim_inventory_order_id")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_esim_inventory_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_esim_inventory")),
        sa.UniqueConstraint("activation_code", name=op.f("uq_esim_inventory_activation_code")),
        sa.UniqueConstraint("iccid", name=op.f("uq_esim_inventory_iccid")),
        sa.UniqueConstraint("order_id", name=op.f("uq_esim_inventory_order_id")),
    )
    op.create_index(
        "ix_esim_inventory_stock",
        "esim_inventory",
        ["plan_id", "carrier_id", "country_id", "stock_seq"],
        unique=False,
        postgresql_where=sa.text("status = 'AVAILABLE'"),
    )
    op.create_table(
        "esim_provisioning_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "from_status",
            sa.Enum(
                "PENDING_ACTIVATION",
                "RESERVED",
                "ASSIGNED",
                "ACTIVATED",
                "EXPIRED",
                "PROVISIONING_FAILED",
                "EXHAUSTED",
                "NEEDS_REVIEW",
                "CANCELLED",
                name="from_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column(
            "to_status",
            sa.Enum(
                "PENDING_ACTIVATION",
                "RESERVED",
                "ASSIGNED",
                "ACTIVATED",
                "EXPIRED",
                "PROVISIONING_FAILED",
                "EXHAUSTED",
                "NEEDS_REVIEW",
                "CANCELLED",
                name="to_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("workflow_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "payload",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_esim_provisioning_events_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_esim_provisioning_events")),
    )
    op.create_index(
        "ix_esim_provisioning_events_order_id_id",
        "esim_provisioning_events",
        ["order_id", "id"],
        unique=False,
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("intent_id", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "PENDING",
                "SUCCEEDED",
                "FAILED",
                "REFUNDED",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="PENDING",
            nullable=False,
        ),
        sa.Column("amount_minor_units", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payments_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("intent_id", name=op.f("uq_payments_intent_id")),
    )
    op.create_index("ix_payments_order_id", "payments", ["order_id"], unique=False)
    op.create_index(
        "uq_payments_one_success",
        "payments",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("status = 'SUCCEEDED'"),
    )
    op.create_table(
        "esim_profiles",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("country_id", sa.BigInteger(), nullable=True),
        sa.Column("carrier_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "PENDING_ACTIVATION",
                "RESERVED",
                "ASSIGNED",
                "ACTIVATED",
                "EXPIRED",
                "PROVISIONING_FAILED",
                "EXHAUSTED",
                "NEEDS_REVIEW",
                "CANCELLED",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="PENDING_ACTIVATION",
            nullable=False,
        ),
        sa.Column("inventory_item_id", sa.BigInteger(), nullable=True),
        sa.Column("activation_code", sa.Text(), nullable=True),
        sa.Column("iccid", sa.Text(), nullable=True),
        sa.Column("qr_payload", sa.Text(), nullable=True),
        sa.Column("instructions", sa.Text(), nullable=True),
        sa.Column("provider_reference", sa.Text(), nullable=True),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("failed_rounds", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provisioned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status <> 'RESERVED' OR inventory_item_id IS NOT NULL",
            name=op.f("ck_esim_profiles_reserved_has_an_item"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('ASSIGNED', 'ACTIVATED') OR (inventory_item_id IS NOT NULL"
            " AND activation_code IS NOT NULL AND provisioned_at IS NOT NULL)",
            name=op.f("ck_esim_profiles_ready_has_a_code"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('PROVISIONING_FAILED', 'EXHAUSTED', 'NEEDS_REVIEW')"
            " OR failure_code IS NOT NULL",
            name=op.f("ck_esim_profiles_parked_says_why"),
        ),
        sa.ForeignKeyConstraint(
            ["carrier_id"], ["carriers.id"], name=op.f("fk_esim_profiles_carrier_id")
        ),
        sa.ForeignKeyConstraint(
            ["country_id"], ["countries.id"], name=op.f("fk_esim_profiles_country_id")
        ),
        sa.ForeignKeyConstraint(
            ["inventory_item_id"],
            ["esim_inventory.id"],
            name=op.f("fk_esim_profiles_inventory_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_esim_profiles_order_id")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_esim_profiles_plan_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_esim_profiles_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_esim_profiles")),
        sa.UniqueConstraint("iccid", name=op.f("uq_esim_profiles_iccid")),
        sa.UniqueConstraint("inventory_item_id", name=op.f("uq_esim_profiles_inventory_item_id")),
        sa.UniqueConstraint("order_id", name=op.f("uq_esim_profiles_order_id")),
    )
    op.create_index("ix_esim_profiles_status_id", "esim_profiles", ["status", "id"], unique=False)
    op.create_index("ix_esim_profiles_user_id_id", "esim_profiles", ["user_id", "id"], unique=False)
    op.create_table(
        "provider_intents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "INTENDED",
                "SENT",
                "CONFIRMED",
                "REFUSED",
                "UNKNOWN",
                "RESOLVED",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default="1", nullable=False),
        sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reply", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("inventory_item_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["inventory_item_id"],
            ["esim_inventory.id"],
            name=op.f("fk_provider_intents_inventory_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_provider_intents_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_intents")),
        sa.UniqueConstraint(
            "inventory_item_id", name=op.f("uq_provider_intents_inventory_item_id")
        ),
    )
    op.create_index("ix_provider_intents_order_id", "provider_intents", ["order_id"], unique=False)
    op.create_index(
        "uq_provider_intents_confirmed",
        "provider_intents",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state = 'CONFIRMED'"),
    )
    op.create_index(
        "uq_provider_intents_open",
        "provider_intents",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('INTENDED', 'SENT', 'UNKNOWN')"),
    )
    guard_edges("esim_profiles", PROFILE_EDGES)
    guard_edges("esim_inventory", INVENTORY_EDGES)
    keep_events_append_only()
    announce_events()


def downgrade() -> None:
    op.execute("SET lock_timeout = '5s'")
    op.drop_index(
        "uq_provider_intents_open",
        table_name="provider_intents",
        postgresql_where=sa.text("state IN ('INTENDED', 'SENT', 'UNKNOWN')"),
    )
    op.drop_index(
        "uq_provider_intents_confirmed",
        table_name="provider_intents",
        postgresql_where=sa.text("state = 'CONFIRMED'"),
    )
    op.drop_index("ix_provider_intents_order_id", table_name="provider_intents")
    op.drop_table("provider_intents")
    op.drop_index("ix_esim_profiles_user_id_id", table_name="esim_profiles")
    op.drop_index("ix_esim_profiles_status_id", table_name="esim_profiles")
    op.drop_table("esim_profiles")
    op.drop_index(
        "uq_payments_one_success",
        table_name="payments",
        postgresql_where=sa.text("status = 'SUCCEEDED'"),
    )
    op.drop_index("ix_payments_order_id", table_name="payments")
    op.drop_table("payments")
    op.drop_index("ix_esim_provisioning_events_order_id_id", table_name="esim_provisioning_events")
    op.drop_table("esim_provisioning_events")
    op.drop_index(
        "ix_esim_inventory_stock",
        table_name="esim_inventory",
        postgresql_where=sa.text("status = 'AVAILABLE'"),
    )
    op.drop_table("esim_inventory")
    op.drop_table("plan_codes")
    op.drop_table("orders")
    op.drop_table("plans")
    op.drop_table("users")
    op.drop_table("inventory_imports")
    op.drop_table("countries")
    op.drop_table("carriers")
    op.execute("DROP FUNCTION esim_profiles_status_edge")
    op.execute("DROP FUNCTION esim_inventory_status_edge")
    op.execute("DROP FUNCTION esim_provisioning_events_append_only")
    op.execute("DROP FUNCTION esim_provisioning_events_notify")
