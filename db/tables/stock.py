"""Stock, and the profile that each order ends with. Only these columns ever hold a code."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from db.tables.metadata import created_at, identity, metadata, state
from domain.profile import ProfileStatus
from domain.stock import StockStatus

inventory_imports = Table(
    "inventory_imports",
    metadata,
    identity(),
    Column("file_name", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("row_count", Integer, nullable=False),
    created_at(),
)

esim_inventory = Table(
    "esim_inventory",
    metadata,
    identity(),
    # NULL means "any": the item fits every plan, carrier or country.
    Column("plan_id", ForeignKey("plans.id")),
    Column("carrier_id", ForeignKey("carriers.id")),
    Column("country_id", ForeignKey("countries.id")),
    Column("activation_code", Text, nullable=False, unique=True),
    Column("iccid", Text),
    # 0: no other item ever has this ICCID (our stock, and providers that promise it). Else the id
    # of the purchase that gave it: the ICCID may come back in another sale, with a new code.
    Column("iccid_scope", BigInteger, nullable=False, server_default="0"),
    Column("qr_payload", Text),
    Column("instructions", Text),
    Column("confirmation_code", Text),
    Column(
        "status",
        state(StockStatus, "status"),
        nullable=False,
        server_default=StockStatus.AVAILABLE.name,
    ),
    Column("order_id", ForeignKey("orders.id"), unique=True),
    # Where the item came from: NULL is stock of our own, else the provider that sold it.
    Column("provider", Text),
    Column("provider_reference", Text),
    # What the provider calls this sale, where it has a name for each.
    Column("sale_id", Text),
    # A person answers for the code: no rule has judged it.
    Column("as_given", Boolean, nullable=False, server_default="false"),
    Column("import_id", ForeignKey("inventory_imports.id")),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    # A QR code works only if the LPA string names an SM-DP+ address.
    Column(
        "installable",
        Boolean,
        Computed(
            r"COALESCE(qr_payload, activation_code) ~ '^(LPA:)?1\$[^$]+\.[^$]+\$'", persisted=True
        ),
    ),
    # Carried by the stock index alone, so that no other index can serve the ORDER BY of a
    # reservation: the planner once walked the primary key over used rows instead.
    Column("stock_seq", BigInteger, Identity(), nullable=False),
    created_at(),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("reserved_at", DateTime(timezone=True)),
    Column("assigned_at", DateTime(timezone=True)),
    Column("retired_at", DateTime(timezone=True)),
    Column("retired_reason", Text),
    Column("expires_at", DateTime(timezone=True)),
    UniqueConstraint("iccid", "iccid_scope"),
    UniqueConstraint("provider", "sale_id"),
    CheckConstraint("status <> 'AVAILABLE' OR order_id IS NULL", name="available_is_free"),
    CheckConstraint(
        "status NOT IN ('RESERVED', 'ASSIGNED') OR order_id IS NOT NULL", name="held_for_an_order"
    ),
    CheckConstraint("status <> 'RESERVED' OR reserved_at IS NOT NULL", name="reserved_at"),
    CheckConstraint("status <> 'ASSIGNED' OR assigned_at IS NOT NULL", name="assigned_at"),
    CheckConstraint("iccid ~ '^[0-9]{18,20}$'", name="iccid"),
    CheckConstraint(
        "length(activation_code) BETWEEN 1 AND 255 OR as_given AND length(activation_code) <= 1000",
        name="activation_code_length",
    ),
    # A reserved item is judged before it is given out, and retired if it holds no code.
    CheckConstraint(
        "as_given OR status IN ('RESERVED', 'RETIRED') OR (esim_can_be_code(activation_code)"
        " AND COALESCE(esim_says_something(confirmation_code), true)"
        " AND COALESCE(esim_says_something(instructions), true))",
        name="holds_a_code",
    ),
    # Finds a code however it is written; two spellings that come in at one instant both pass.
    Index(
        "ix_esim_inventory_code_identity",
        func.esim_code_identity(text("activation_code, qr_payload")),
    ),
    Index(
        "ix_esim_inventory_retired_reason",
        "id",
        postgresql_where=text("retired_reason IS NOT NULL"),
    ),
    Index(
        "ix_esim_inventory_stock",
        "plan_id",
        "carrier_id",
        "country_id",
        "stock_seq",
        postgresql_where=text("status = 'AVAILABLE'"),
    ),
)

esim_profiles = Table(
    "esim_profiles",
    metadata,
    identity(),
    Column("order_id", ForeignKey("orders.id"), nullable=False, unique=True),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("plan_id", ForeignKey("plans.id"), nullable=False),
    Column("country_id", ForeignKey("countries.id")),
    Column("carrier_id", ForeignKey("carriers.id")),
    Column(
        "status",
        state(ProfileStatus, "status"),
        nullable=False,
        server_default=ProfileStatus.PENDING_ACTIVATION.name,
    ),
    Column("inventory_item_id", ForeignKey("esim_inventory.id"), unique=True),
    Column("activation_code", Text),
    Column("iccid", Text),
    # The code in its one spelling: it is one customer's, whoever sold it, and however it came.
    Column("qr_payload", Text, unique=True),
    Column("instructions", Text),
    Column("confirmation_code", Text),
    Column("provider_reference", Text),
    Column("as_given", Boolean, nullable=False, server_default="false"),
    # Why the last round failed: a code for machines, a sentence for people.
    Column("failure_code", Text),
    Column("failure_reason", Text),
    # Raised by every failed round, so that a reader can tell a new failure from an old one.
    Column("failed_rounds", Integer, nullable=False, server_default="0"),
    created_at(),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("started_at", DateTime(timezone=True)),
    Column("provisioned_at", DateTime(timezone=True)),
    Column("activated_at", DateTime(timezone=True)),
    # A backup was restored while the order was open: purchases made before may be missing here.
    Column("restored_at", DateTime(timezone=True)),
    CheckConstraint(
        "status NOT IN ('ASSIGNED', 'ACTIVATED') OR (inventory_item_id IS NOT NULL"
        " AND activation_code IS NOT NULL AND provisioned_at IS NOT NULL)",
        name="ready_has_a_code",
    ),
    CheckConstraint(
        "status <> 'RESERVED' OR inventory_item_id IS NOT NULL", name="reserved_has_an_item"
    ),
    CheckConstraint(
        "status NOT IN ('PROVISIONING_FAILED', 'EXHAUSTED', 'NEEDS_REVIEW')"
        " OR failure_code IS NOT NULL",
        name="parked_says_why",
    ),
    CheckConstraint(
        "as_given OR (COALESCE(esim_can_be_code(activation_code), true)"
        " AND COALESCE(esim_can_be_code(qr_payload), true)"
        " AND COALESCE(esim_says_something(confirmation_code), true)"
        " AND COALESCE(esim_says_something(instructions), true))",
        name="holds_a_code",
    ),
    Index("ix_esim_profiles_user_id_id", "user_id", "id"),
    Index("ix_esim_profiles_status_id", "status", "id"),
    # Those that wait for a provider: what is woken when it can be called again.
    Index(
        "ix_esim_profiles_failure_code",
        "failure_code",
        postgresql_where=text("status IN ('PENDING_ACTIVATION', 'PROVISIONING_FAILED')"),
    ),
)
