"""A purchase moves along its state machine alone, as stock items and profiles do.

Nothing but SQL by hand could move a confirmed one: now that is refused too.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The edges of domain/purchase.py, written out: a migration never changes after it has run,
# whatever the code says later. A test compares the two.
PURCHASE_EDGES = """
    ('INTENDED', 'SENT'),
    ('INTENDED', 'REFUSED'),
    ('SENT', 'ACCEPTED'),
    ('SENT', 'CONFIRMED'),
    ('SENT', 'REFUSED'),
    ('SENT', 'UNKNOWN'),
    ('ACCEPTED', 'CONFIRMED'),
    ('ACCEPTED', 'REFUSED'),
    ('ACCEPTED', 'UNKNOWN'),
    ('UNKNOWN', 'SENT'),
    ('UNKNOWN', 'ACCEPTED'),
    ('UNKNOWN', 'CONFIRMED'),
    ('UNKNOWN', 'REFUSED'),
    ('UNKNOWN', 'RESOLVED')
"""


def upgrade() -> None:
    # A migration that waits for a lock blocks everyone behind it: give up early instead.
    op.execute("SET lock_timeout = '5s'")
    op.execute(f"""
        CREATE FUNCTION provider_intents_state_edge() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (OLD.state, NEW.state) NOT IN ({PURCHASE_EDGES}) THEN
                RAISE EXCEPTION 'provider_intents cannot go from % to %', OLD.state, NEW.state
                    USING ERRCODE = 'ES001';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER provider_intents_state_edge BEFORE UPDATE OF state ON provider_intents
        FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
        EXECUTE FUNCTION provider_intents_state_edge()
    """)


def downgrade() -> None:
    op.execute("SET lock_timeout = '5s'")
    op.execute("DROP TRIGGER provider_intents_state_edge ON provider_intents")
    op.execute("DROP FUNCTION provider_intents_state_edge()")
