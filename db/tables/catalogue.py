"""What can be sold: countries, carriers, plans, and each provider's name for a plan."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from db.tables.metadata import created_at, identity, metadata

countries = Table(
    "countries",
    metadata,
    identity(),
    Column("iso2", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    CheckConstraint("iso2 ~ '^[A-Z]{2}$'", name="iso2"),
)

carriers = Table(
    "carriers",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
)

plans = Table(
    "plans",
    metadata,
    identity(),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("country_id", ForeignKey("countries.id")),
    Column("carrier_id", ForeignKey("carriers.id")),
    Column("data_gb", Numeric(10, 3)),
    Column("duration_days", Integer),
    Column("price_minor_units", BigInteger, nullable=False),
    Column("currency", Text, nullable=False, server_default="USD"),
    Column("external_id", Text),
    created_at(),
    CheckConstraint("price_minor_units >= 0", name="price"),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
)

plan_codes = Table(
    "plan_codes",
    metadata,
    Column("plan_id", ForeignKey("plans.id"), nullable=False),
    Column("provider", Text, nullable=False),
    Column("plan_code", Text, nullable=False),
    # Which provider is asked first: the lowest. Among equals ESIM_PROVIDER is, then by name.
    Column("priority", Integer, nullable=False, server_default="100"),
    PrimaryKeyConstraint("plan_id", "provider"),
)
