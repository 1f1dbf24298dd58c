"""What can be no code is refused in raw SQL too; why an item was retired; one identity of a code.

Stock that holds no code leaves the shelf, with its reason. What customers have been given stays,
marked as given to the letter. Locks on the tables are short; if it is interrupted, run it again.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# As in domain/blank.py and domain/codes/verdict.py; a test compares them.
WORDS = (
    r"null|nil|none|nan|nat|undefined|not available|not applicable"
    r"|pending|processing|in progress|in_progress|in-progress|waiting|queued|reserved|allocated"
    r"|released|available|unavailable|active|inactive|failed|error|success|successful|completed"
    r"|true|false|unknown|empty|blank|void|missing|expired|cancelled|canceled|deleted|revoked"
    r"|refunded|tbd|tba|tbc|todo|to be announced|to be confirmed|not set|not provided|hidden"
    r"|redacted|string"
)
NOTHING = WORDS + (
    r"|na|no|n/a|n\.a\.|#n/a|\\n|\(null\)|<null>|\[null\]|<na>|\(empty\)|\(blank\)|\[redacted\]"
    r"|#null!|#value!|#ref!|#name\?|#num!|#div/0!|\?|\?\?|[*.-]+"
)
NUMBER = r"[+-]?[0-9]+([.,][0-9]*(E[+-]?[0-9]+)?|E[+-][0-9]+)"
ADDRESS = (
    r"(([a-z][a-z0-9+.-]*:)?//|(data|mailto|tel|sms|https?):|www\.).*|([0-9a-z-]+\.)+[a-z]{2,63}"
)
CARD_NUMBER = r"([0-9][ -]?){18,20}F?F?|[0-9]{32}"

CAN_BE_CODE = rf"""
    CREATE OR REPLACE FUNCTION esim_can_be_code(code text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $f$
        SELECT code !~* '^\s*(LPA:)?(1\$)?({NOTHING}|[^$]+\$({WORDS})(\$.*)?|{ADDRESS}|{CARD_NUMBER}|{NUMBER}|)\s*$'
    $f$
"""  # noqa: E501 - one expression, so that Postgres inlines it
SAYS_SOMETHING = rf"""
    CREATE OR REPLACE FUNCTION esim_says_something(words text) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $f$
        SELECT words !~* '^\s*({NOTHING}|{NUMBER}|)\s*$'
    $f$
"""
# The profile that a code belongs to, however it is written: hosts know no case, matching ids do.
IDENTITY = r"""
    CREATE OR REPLACE FUNCTION esim_code_identity(activation_code text, qr_payload text)
    RETURNS text
    LANGUAGE sql IMMUTABLE AS $f$
        SELECT COALESCE(lower(substring(body FROM '^[^$]+\$')), '')
               || regexp_replace(body, '^[^$]+\$', '')
        FROM regexp_replace(
            CASE WHEN qr_payload ~* '^(LPA:)?1\$' AND activation_code !~* '^(LPA:)?1\$[^$]+\$'
                 THEN qr_payload ELSE activation_code END,
            '^(LPA:)?(1\$)?', '', 'i') AS body
    $f$
"""
PLAIN_CODE = r"""
    CREATE OR REPLACE FUNCTION esim_plain_code(activation_code text, qr_payload text)
    RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
        SELECT activation_code
               ~ '^1\$([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\$[0-9A-Za-z-]+$'
           AND length(activation_code) <= 255
           AND (qr_payload IS NULL OR qr_payload = 'LPA:' || activation_code)
           AND esim_can_be_code(activation_code)
    $$
"""
PLAIN_CODE_BEFORE = r"""
    CREATE OR REPLACE FUNCTION esim_plain_code(activation_code text, qr_payload text)
    RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
        SELECT activation_code
               ~ '^1\$([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\$[0-9A-Z-]+$'
           AND length(activation_code) <= 255
           AND (qr_payload IS NULL OR qr_payload = 'LPA:' || activation_code)
    $$
"""

TABLES = ("esim_inventory", "esim_profiles")
# A reserved item is judged before it is given out, and retired if it holds no code.
CHECKS = {
    ("esim_inventory", "holds_a_code"): (
        "as_given OR status IN ('RESERVED', 'RETIRED') OR (esim_can_be_code(activation_code)"
        " AND COALESCE(esim_says_something(confirmation_code), true)"
        " AND COALESCE(esim_says_something(instructions), true))"
    ),
    ("esim_profiles", "holds_a_code"): (
        "as_given OR (COALESCE(esim_can_be_code(activation_code), true)"
        " AND COALESCE(esim_can_be_code(qr_payload), true)"
        " AND COALESCE(esim_says_something(confirmation_code), true)"
        " AND COALESCE(esim_says_something(instructions), true))"
    ),
    ("esim_inventory", "activation_code_length"): (
        "length(activation_code) BETWEEN 1 AND 255 OR as_given AND length(activation_code) <= 1000"
    ),
}
INDEXES = {
    "ix_esim_inventory_code_identity": (
        "esim_inventory (esim_code_identity(activation_code, qr_payload))"
    ),
    "ix_esim_inventory_retired_reason": "esim_inventory (id) WHERE retired_reason IS NOT NULL",
}
IN_NO_HURRY = "SELECT set_config('lock_timeout', '0', false)"


def upgrade() -> None:
    op.execute("SET lock_timeout = '5s'")
    with op.get_context().autocommit_block():  # no table stays locked while its rows are settled
        for function in (CAN_BE_CODE, SAYS_SOMETHING, IDENTITY, PLAIN_CODE):
            op.execute(function)
        for table in TABLES:
            op.execute(
                f"ALTER TABLE {table}"
                " ADD COLUMN IF NOT EXISTS as_given boolean NOT NULL DEFAULT false"
            )
        op.execute("ALTER TABLE esim_inventory ADD COLUMN IF NOT EXISTS retired_reason text")
    clear_words()
    set_apart()
    with op.get_context().autocommit_block():
        for (table, name), condition in CHECKS.items():
            constraint = f"ck_{table}_{name}"
            op.execute(
                f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {constraint},"
                f" ADD CONSTRAINT {constraint} CHECK ({condition}) NOT VALID"
            )
        op.execute(
            "ALTER TABLE esim_inventory DROP CONSTRAINT IF EXISTS ck_esim_inventory_activation_code"
        )
    set_apart()  # what came in between
    with op.get_context().autocommit_block():
        op.execute(IN_NO_HURRY)
        for table, name in CHECKS:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")
        for name, columns in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # of a build cut short
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {columns}")


def clear_words() -> None:
    """Turn words for nothing into nothing."""
    for table in TABLES:
        for column in ("confirmation_code", "instructions"):
            op.execute(
                f"UPDATE {table} SET {column} = NULL"  # noqa: S608 - the names above
                f" WHERE {column} ~* '^\\s*({NOTHING}|)\\s*$'"
            )


def set_apart() -> None:
    """Take what is no code off the shelf; let what is given stay as it is."""
    stock, given = CHECKS["esim_inventory", "holds_a_code"], CHECKS["esim_profiles", "holds_a_code"]
    op.execute(
        "UPDATE esim_inventory SET status = 'RETIRED', retired_at = now(), updated_at = now(),"  # noqa: S608
        " retired_reason = 'it holds no code, or a damaged confirmation code'"
        f" WHERE status = 'AVAILABLE' AND NOT ({stock})"
    )
    op.execute(f"UPDATE esim_inventory SET as_given = true WHERE NOT ({stock})")  # noqa: S608
    op.execute(f"UPDATE esim_profiles SET as_given = true WHERE NOT ({given})")  # noqa: S608


def downgrade() -> None:
    op.execute("SET lock_timeout = '5s'")
    op.create_check_constraint(
        op.f("ck_esim_inventory_activation_code"),
        "esim_inventory",
        "length(activation_code) BETWEEN 1 AND 255",
    )
    for table, name in CHECKS:
        op.drop_constraint(f"ck_{table}_{name}", table)
    for name in INDEXES:
        op.drop_index(name, table_name="esim_inventory")
    op.drop_column("esim_inventory", "retired_reason")
    for table in TABLES:
        op.drop_column(table, "as_given")
    op.execute(PLAIN_CODE_BEFORE)
    for function in ("esim_code_identity(text, text)", "esim_says_something", "esim_can_be_code"):
        op.execute(f"DROP FUNCTION {function}")
