"""How ops keep a provider from being called, and let it be called again."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, case, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.columns import GateColumns
from db.tables import esim_profiles as profiles
from db.tables import provider_gates as gates
from db.tables import provider_intents as intents
from domain.errors import (
    CredentialsRefused,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
    StaleWrite,
)
from domain.gate import HoldReason
from domain.profile import ProfileStatus

# Postgres does not skip through an index for DISTINCT: this asks it for one name after another.
_NAMES = text("""
    WITH RECURSIVE bought_at (provider) AS (
        SELECT min(provider) FROM provider_intents
        UNION ALL
        SELECT (SELECT min(i.provider) FROM provider_intents i WHERE i.provider > b.provider)
        FROM bought_at b WHERE b.provider IS NOT NULL
    )
    SELECT provider FROM bought_at WHERE provider IS NOT NULL
    UNION SELECT provider FROM plan_codes
    UNION SELECT provider FROM provider_gates
""")
_OFFER = text("""
    WITH here AS (
        INSERT INTO provider_gates (provider, offered)
        SELECT unnest(CAST(:providers AS text[])), true
        ON CONFLICT (provider) DO UPDATE SET offered = true WHERE NOT provider_gates.offered
    )
    UPDATE provider_gates SET offered = false
    WHERE offered AND provider <> ALL (CAST(:providers AS text[]))
""")
_WAITING = (ProfileStatus.PENDING_ACTIVATION, ProfileStatus.PROVISIONING_FAILED)
_WAITS_FOR_A_PROVIDER = (
    *(kind.code for kind in ProviderUnavailable.kinds()),
    ProviderOutcomeUnknown.code,  # its look-up waits: a person's own matter is in no such state
)


async def names(connection: AsyncConnection) -> set[str]:
    """List every provider that has a gate, sells a plan or was bought from."""
    return set((await connection.execute(_NAMES)).scalars())


async def offer(connection: AsyncConnection, providers: Collection[str]) -> None:
    """Say which providers this deployment's workers can buy from; others are offered no more.

    Idempotent. The worker that started last has the last word.
    """
    # One worker at a time: two that start together would lock the rows in orders of their own.
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('offered providers'))"))
    await connection.execute(_OFFER, {"providers": sorted(providers)})


async def offered(connection: AsyncConnection) -> set[str]:
    """List every provider that the worker which started last can buy from."""
    return set(await connection.scalars(select(gates.c.provider).where(gates.c.offered)))


async def pause(connection: AsyncConnection, provider: str, actor: str, reason: str) -> None:
    """Keep a provider from being called, by the whole fleet, until it is resumed.

    Idempotent: who and why are the last one's, since when is the first one's.

    Args:
        connection: of the caller's transaction.
        provider: its name.
        actor: who does it; not blank, and fit for the audit trail.
        reason: why; likewise.

    Raises:
        StaleWrite.
    """
    since = case((gates.c.paused, gates.c.paused_at), else_=func.now())
    written = GateColumns(paused=True, paused_by=actor, paused_reason=reason)
    added: GateColumns = {**written, "paused_at": func.now()}
    await _write(connection, added, {**written, "paused_at": since}, provider)


async def resume(connection: AsyncConnection, provider: str) -> None:
    """Let a provider be called again, and forget its failures; a `Retry-After` is still kept.

    Credentials that it has refused are tried again.

    Idempotent. The row keeps neither who nor why: log them. Errors as `pause`.
    """
    written = GateColumns(
        paused=False,
        paused_by=None,
        paused_reason=None,
        paused_at=None,
        failures=0,
        opened_at=None,
        probe_at=None,
        credentials_refused=False,
    )
    await _write(connection, written, written, provider)


async def waiting_for(connection: AsyncConnection, provider: str, *, limit: int) -> list[int]:
    """List orders that wait for this provider, those that wait longest first.

    They wait for their next round, or have parked after an outage or a pause of days. A round is
    spent by asking, so orders that wait for another provider are left alone.
    """
    for_it = profiles.c.failure_code.in_(_WAITS_FOR_A_PROVIDER)
    return await _waiting(connection, provider, for_it, limit)


async def waiting_for_credentials(
    connection: AsyncConnection, provider: str, *, limit: int
) -> list[int]:
    """List those of them that the provider, or its gate, refused for our credentials."""
    refused = or_(
        profiles.c.failure_code == CredentialsRefused.code,
        func.strpos(profiles.c.failure_reason, HoldReason.CREDENTIALS) > 0,
    )
    return await _waiting(connection, provider, refused, limit)


async def _waiting(
    connection: AsyncConnection, provider: str, why: ColumnElement[bool], limit: int
) -> list[int]:
    last_asked = (
        select(intents.c.provider)
        .where(intents.c.order_id == profiles.c.order_id)
        .order_by(intents.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = await connection.execute(
        select(profiles.c.order_id)
        .where(
            profiles.c.status.in_(_WAITING),
            why,
            or_(func.strpos(profiles.c.failure_reason, provider) > 0, last_asked == provider),
        )
        .order_by(profiles.c.updated_at)
        .limit(limit)
    )
    return list(rows.scalars())


async def _write(
    connection: AsyncConnection, added: GateColumns, changed: GateColumns, provider: str
) -> None:
    """Set columns of a gate: those of `added` if it is new, else those of `changed`."""
    # An INSERT's rowcount is not kept by SQLAlchemy: the row it wrote is asked for instead.
    written = await connection.execute(
        insert(gates)
        .values(GateColumns(provider=provider, **added))
        .on_conflict_do_update(index_elements=["provider"], set_={**changed})
        .returning(gates.c.provider)
    )
    if written.scalar_one_or_none() != provider:
        raise StaleWrite(f"The gate of {provider} is gone.")
