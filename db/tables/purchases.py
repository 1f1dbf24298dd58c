"""What was about to be bought, what providers said of it, and how each of them may be called."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from db.tables.metadata import created_at, identity, metadata, state
from domain.notice import NoticeKind
from domain.purchase import PurchaseState, Resolution

provider_intents = Table(
    "provider_intents",
    metadata,
    identity(),
    Column("order_id", ForeignKey("orders.id"), nullable=False),
    Column("provider", Text, nullable=False),
    Column("reference", Text, nullable=False),
    # What was asked for: a repetition asks for the same, whatever `plan_codes` says by then.
    Column("plan_code", Text),
    Column("state", state(PurchaseState, "state"), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="1"),
    # What was sent and what came back, without codes, credentials, names or addresses.
    Column("request", JSONB, nullable=False),
    Column("reply", JSONB),
    Column("error_code", Text),
    Column("error", Text),
    Column("inventory_item_id", ForeignKey("esim_inventory.id"), unique=True),
    # What the provider called the order once it had accepted it.
    Column("provider_order_id", Text),
    created_at(),
    Column("sent_at", DateTime(timezone=True)),
    Column("accepted_at", DateTime(timezone=True)),
    # The first look-up that found nothing; a second one, a settle gap later, settles it.
    Column("absent_at", DateTime(timezone=True)),
    Column("closed_at", DateTime(timezone=True)),
    # Where codes work only after a release: since when a call about that is without an answer.
    Column("unheard_since", DateTime(timezone=True)),
    # When it was released.
    Column("released_at", DateTime(timezone=True)),
    # When an unused purchase was given back; the reason why not, if it was refused.
    Column("returned_at", DateTime(timezone=True)),
    Column("return_error", Text),
    # A device has taken the profile.
    Column("downloaded_at", DateTime(timezone=True)),
    Column("resolution", state(Resolution, "resolution")),
    Column("resolved_by", Text),
    Column("resolved_reason", Text),
    CheckConstraint(
        "(state = 'RESOLVED') = (resolution IS NOT NULL AND resolved_by IS NOT NULL"
        " AND resolved_reason IS NOT NULL)",
        name="resolved_says_who_and_why",
    ),
    CheckConstraint(
        "state <> 'ACCEPTED' OR provider_order_id IS NOT NULL", name="accepted_has_an_order_id"
    ),
    # At most one purchase of an order may be open: a second one could be a second charge.
    Index(
        "uq_provider_intents_one_open",
        "order_id",
        unique=True,
        postgresql_where=text("state IN ('INTENDED', 'SENT', 'ACCEPTED', 'UNKNOWN')"),
    ),
    Index(
        "uq_provider_intents_confirmed",
        "order_id",
        unique=True,
        postgresql_where=text("state = 'CONFIRMED'"),
    ),
    Index("ix_provider_intents_order_id", "order_id"),
    Index("ix_provider_intents_provider_reference", "provider", "reference"),
    Index("ix_provider_intents_provider_provider_order_id", "provider", "provider_order_id"),
    # The spend guard counts the purchases of the last hour.
    Index("ix_provider_intents_sent_at", "sent_at"),
    Index("ix_provider_intents_unknown", "id", postgresql_where=text("state = 'UNKNOWN'")),
)

quarantined_replies = Table(
    "quarantined_replies",
    metadata,
    identity(),
    Column("intent_id", ForeignKey("provider_intents.id"), nullable=False),
    Column("order_id", ForeignKey("orders.id"), nullable=False),
    Column("provider", Text, nullable=False),
    # Why nothing of it may be delivered. Holds no code.
    Column("reason", Text, nullable=False),
    # The reply as it came. It most likely holds a code that was paid for: a secret.
    Column("raw", Text, nullable=False),
    created_at(),
    Index("ix_quarantined_replies_order_id", "order_id"),
)

provider_gates = Table(
    "provider_gates",
    metadata,
    Column("provider", Text, primary_key=True),
    # The worker that started last can buy from it.
    Column("offered", Boolean, nullable=False, server_default="false"),
    Column("paused", Boolean, nullable=False, server_default="false"),
    Column("paused_by", Text),
    Column("paused_reason", Text),
    Column("paused_at", DateTime(timezone=True)),
    # Retry-After: nobody calls before.
    Column("blocked_until", DateTime(timezone=True)),
    # The rate limit: the moment from which the next call may leave.
    Column("next_call_at", DateTime(timezone=True)),
    # The breaker: failed calls in a row, and the moment from which one probe may leave.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("opened_at", DateTime(timezone=True)),
    Column("probe_at", DateTime(timezone=True)),
    # It is open because the provider refuses our credentials, as it would for any order.
    Column("credentials_refused", Boolean, nullable=False, server_default="false"),
    Column("last_success_at", DateTime(timezone=True)),
    Column("last_failure_at", DateTime(timezone=True)),
    Column("last_failure_code", Text),
    Column("balance", Numeric(20, 4)),
    Column("balance_currency", Text),
    Column("balance_at", DateTime(timezone=True)),
    CheckConstraint(
        "NOT paused OR (paused_by IS NOT NULL AND paused_reason IS NOT NULL"
        " AND paused_at IS NOT NULL)",
        name="paused_says_who_and_why",
    ),
    CheckConstraint("failures >= 0", name="failures"),
)

provider_webhooks = Table(
    "provider_webhooks",
    metadata,
    identity(),
    Column("provider", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("kind", state(NoticeKind, "kind"), nullable=False),
    Column("trusted", Boolean, nullable=False),
    Column("reference", Text),
    Column("provider_order_id", Text),
    Column("iccid", Text),
    Column("reason", Text),
    # The order that it was found to speak of; NULL if none was known yet.
    Column("order_id", ForeignKey("orders.id")),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("provider", "event_id"),
    Index("ix_provider_webhooks_provider_provider_order_id", "provider", "provider_order_id"),
    Index("ix_provider_webhooks_order_id", "order_id"),
)
