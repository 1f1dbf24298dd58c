"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}

Expand, then contract: the previous release must run on this schema.
"""

from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    # A migration that waits for a lock blocks everyone behind it: give up early instead.
    op.execute("SET lock_timeout = '5s'")
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    op.execute("SET lock_timeout = '5s'")
    ${downgrades if downgrades else "pass"}
