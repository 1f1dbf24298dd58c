"""Giving a reserved item to its order in one call, for `db/good_path.py`.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# True only for codes that `install_codes` in domain/codes.py keeps as they are; a test compares.
PLAIN_CODE = r"""
    CREATE FUNCTION esim_plain_code(activation_code text, qr_payload text) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
        SELECT activation_code
               ~ '^1\$([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\$[0-9A-Z-]+$'
           AND length(activation_code) <= 255
           AND (qr_payload IS NULL OR qr_payload = 'LPA:' || activation_code)
    $$
"""

# Locks order and profile first, then the item, as every other writer does.
ASSIGN = """
    CREATE FUNCTION esim_assign(
        the_order bigint, the_item bigint, handed_over boolean,
        the_actor text, the_attempt integer, the_workflow text, the_run text
    ) RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE
        item esim_inventory;
    BEGIN
        PERFORM FROM esim_profiles AS profile JOIN orders ON orders.id = profile.order_id
        WHERE profile.order_id = the_order AND profile.status = 'RESERVED'
          AND profile.inventory_item_id = the_item AND orders.status = 'PAID'
        FOR NO KEY UPDATE OF profile, orders;
        IF NOT FOUND THEN
            RETURN false;
        END IF;

        UPDATE esim_inventory
        SET status = 'ASSIGNED', assigned_at = now(), updated_at = now()
        WHERE id = the_item AND order_id = the_order AND status = 'RESERVED'
          AND esim_plain_code(activation_code, qr_payload)
        RETURNING * INTO item;
        IF NOT FOUND THEN
            RETURN false;
        END IF;

        UPDATE esim_profiles
        SET status = 'ASSIGNED', provisioned_at = now(), updated_at = now(),
            activation_code = item.activation_code, qr_payload = 'LPA:' || item.activation_code,
            iccid = item.iccid, instructions = item.instructions,
            confirmation_code = item.confirmation_code,
            provider_reference = item.provider_reference,
            failure_code = NULL, failure_reason = NULL
        WHERE order_id = the_order AND status = 'RESERVED';
        IF NOT FOUND THEN
            RAISE EXCEPTION 'profile of order % changed meanwhile', the_order
                USING ERRCODE = 'ES001';
        END IF;
        INSERT INTO esim_provisioning_events
            (order_id, kind, from_status, to_status, actor, attempt, workflow_id, run_id, payload)
        VALUES (the_order, 'profile_assigned', 'RESERVED', 'ASSIGNED',
            the_actor, the_attempt, the_workflow, the_run,
            jsonb_build_object('item_id', the_item, 'source', COALESCE(item.provider, 'stock')));

        IF handed_over THEN
            UPDATE esim_profiles
            SET status = 'ACTIVATED', activated_at = now(), updated_at = now()
            WHERE order_id = the_order AND status = 'ASSIGNED';
            IF NOT FOUND THEN
                RAISE EXCEPTION 'profile of order % changed meanwhile', the_order
                    USING ERRCODE = 'ES001';
            END IF;
            INSERT INTO esim_provisioning_events
                (order_id, kind, from_status, to_status, actor, attempt, workflow_id, run_id)
            VALUES (the_order, 'profile_activated', 'ASSIGNED', 'ACTIVATED',
                the_actor, the_attempt, the_workflow, the_run);
        END IF;
        RETURN true;
    END $$
"""


def upgrade() -> None:
    # A migration that waits for a lock blocks everyone behind it: give up early instead.
    op.execute("SET lock_timeout = '5s'")
    op.execute(PLAIN_CODE)
    op.execute(ASSIGN)


def downgrade() -> None:
    op.execute("SET lock_timeout = '5s'")
    op.execute("DROP FUNCTION esim_assign")
    op.execute("DROP FUNCTION esim_plain_code")
