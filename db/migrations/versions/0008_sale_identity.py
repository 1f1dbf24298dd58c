"""Know a sale by its seller's name of it and by its code, and let ICCIDs come back (ADR 0016).

Each index is built beside the traffic and stands before another goes; if a build is interrupted,
run the migration again.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ITEMS, PROFILES = "esim_inventory", "esim_profiles"
NEW = {
    "uq_esim_inventory_iccid_iccid_scope": (ITEMS, "iccid, iccid_scope"),
    "uq_esim_inventory_provider_sale_id": (ITEMS, "provider, sale_id"),
    "uq_esim_profiles_qr_payload": (PROFILES, "qr_payload"),
}
OLD = {
    "uq_esim_inventory_iccid": (ITEMS, "iccid"),
    "uq_esim_profiles_iccid": (PROFILES, "iccid"),
}

IN_NO_HURRY = "SELECT set_config('lock_timeout', '0', false)"
IN_A_HURRY = "SELECT set_config('lock_timeout', '5s', false)"

# No provider has promised until now never to sell an ICCID again.
SCOPES = """
    UPDATE esim_inventory AS item SET iccid_scope = intent.id
    FROM provider_intents AS intent WHERE intent.inventory_item_id = item.id
"""
# An answer to these may be missing: what is asked again may say that it was done already.
UNHEARD = """
    UPDATE provider_intents SET unheard_since = COALESCE(closed_at, accepted_at)
    WHERE provider = 'ES2PLUS' AND provider_order_id IS NOT NULL AND released_at IS NULL
      AND returned_at IS NULL AND state IN ('ACCEPTED', 'UNKNOWN', 'CONFIRMED')
"""


def upgrade() -> None:
    op.execute("SET lock_timeout = '5s'")
    with op.get_context().autocommit_block():  # no table stays locked while its rows are written
        op.execute(
            f"ALTER TABLE {ITEMS} ADD COLUMN IF NOT EXISTS iccid_scope bigint NOT NULL DEFAULT 0,"
            " ADD COLUMN IF NOT EXISTS sale_id text"
        )
        op.execute(
            "ALTER TABLE provider_intents ADD COLUMN IF NOT EXISTS unheard_since timestamptz"
        )
    op.execute(SCOPES)
    op.execute(UNHEARD)
    exchange(NEW, OLD)


def downgrade() -> None:
    op.execute("SET lock_timeout = '5s'")
    exchange(OLD, NEW)
    op.drop_column("provider_intents", "unheard_since")
    op.drop_column(ITEMS, "sale_id")
    op.drop_column(ITEMS, "iccid_scope")


def exchange(wanted: dict[str, tuple[str, str]], gone: dict[str, tuple[str, str]]) -> None:
    """Put unique constraints in the place of others, which go last."""
    with op.get_context().autocommit_block():
        for name, (table, columns) in wanted.items():
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
            op.execute(IN_NO_HURRY)
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns})")
            op.execute(IN_A_HURRY)
            op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}")
        for name, (table, _) in gone.items():
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
