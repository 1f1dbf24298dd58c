"""Pausing providers, letting them go on, and what ops see of each."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import gates, provider_controls, provider_views
from db.engine import transaction
from db.provider_views import ProviderView
from db.spend_guard import Spending, spend
from domain.gate import (
    BreakerState,
    Gate,
    Health,
    Hold,
    HoldReason,
    ProviderLimits,
    SpendLimits,
    breaker,
    health,
)
from domain.purchase import PurchaseState
from tests.api.asking import parked
from tests.doubts import PROVIDER, in_doubt
from tests.rows import PLAN_ID, paid_order, rows, run, value

pytestmark = pytest.mark.usefixtures("catalogue")

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)


async def sells(engine: AsyncEngine, provider: str = PROVIDER) -> None:
    """A provider that has a plan of ours."""
    await run(
        engine,
        "INSERT INTO plan_codes (plan_id, provider, plan_code) VALUES (:plan, :provider, 'ES')",
        plan=PLAN_ID,
        provider=provider,
    )


async def pause(
    engine: AsyncEngine, reason: str = "bad codes", actor: str = "ana", provider: str = PROVIDER
) -> None:
    """Ana pauses it."""
    async with transaction(engine) as connection:
        await provider_controls.pause(connection, provider, actor, reason)


async def resume(engine: AsyncEngine, provider: str = PROVIDER) -> None:
    """Ana lets it go on."""
    async with transaction(engine) as connection:
        await provider_controls.resume(connection, provider)


async def held(engine: AsyncEngine) -> Hold | None:
    """What a purchase would meet."""
    async with transaction(engine) as connection:
        return await gates.enter(connection, PROVIDER, ProviderLimits(), now=None)


async def seen(engine: AsyncEngine) -> ProviderView:
    """The provider as ops see it."""
    async with transaction(engine) as connection:
        return await provider_views.one(connection, PROVIDER)


async def test_a_paused_provider_is_held_until_it_is_resumed(engine: AsyncEngine) -> None:
    """Its gate says so to every purchase; the view says who, why and since when."""
    await sells(engine)
    await pause(engine)
    hold = await held(engine)
    assert hold is not None
    assert hold.reason is HoldReason.PAUSED
    view = await seen(engine)
    assert (view.health, view.paused) == (Health.PAUSED, True)
    assert (view.paused_by, view.paused_reason) == ("ana", "bad codes")
    assert view.paused_at is not None
    await resume(engine)
    assert await held(engine) is None
    view = await seen(engine)
    assert (view.paused, view.paused_by, view.paused_reason) == (False, None, None)


async def test_pausing_again_updates_who_and_why_but_not_since_when(engine: AsyncEngine) -> None:
    """Two people pause it, one row stands; resuming twice is harmless as well."""
    await sells(engine)
    await pause(engine)
    since = (await seen(engine)).paused_at
    await pause(engine, "still bad", actor="bob")
    view = await seen(engine)
    assert (view.paused_by, view.paused_reason, view.paused_at) == ("bob", "still bad", since)
    await resume(engine)
    await resume(engine)
    assert await value(engine, "SELECT count(*) FROM provider_gates") == 1


async def test_resuming_forgets_failures_but_keeps_the_wait_that_was_asked_for(
    engine: AsyncEngine,
) -> None:
    """The breaker closes; `Retry-After` is the provider's own word and stands."""
    await run(
        engine,
        "INSERT INTO provider_gates (provider, failures, opened_at, probe_at, blocked_until)"
        " VALUES (:p, 7, now(), now() + interval '1 minute', now() + interval '1 hour')",
        p=PROVIDER,
    )
    await resume(engine)
    [gate] = await rows(engine, "SELECT * FROM provider_gates")
    assert (gate["failures"], gate["opened_at"], gate["probe_at"]) == (0, None, None)
    assert gate["blocked_until"] is not None
    assert (await seen(engine)).health is Health.BLOCKED


async def test_the_overview_counts_purchases_and_shows_the_balance(engine: AsyncEngine) -> None:
    """The last hour, the last day, what is open by state; refused ones were no purchases."""
    ages = {
        PurchaseState.UNKNOWN: "1 minute",
        PurchaseState.SENT: "2 hours",
        PurchaseState.CONFIRMED: "30 minutes",
        PurchaseState.REFUSED: "1 minute",
        PurchaseState.ACCEPTED: "2 days",
    }
    for state, age in ages.items():
        intent_id = await in_doubt(engine, await paid_order(engine), state=state)
        await run(
            engine,
            f"UPDATE provider_intents SET sent_at = now() - interval '{age}' WHERE id = :id",
            id=intent_id,
        )
    await run(
        engine,
        "INSERT INTO provider_gates (provider, balance, balance_currency, balance_at,"
        " last_success_at, last_failure_at, last_failure_code)"
        " VALUES (:p, 41.5, 'USD', now(), now(), now() - interval '1 hour', 'provider-refused')",
        p=PROVIDER,
    )
    await sells(engine, "AIRALO")
    async with transaction(engine) as connection:
        airalo, partner = await provider_views.overview(connection)
    assert (airalo.name, airalo.health, airalo.open_purchases) == ("AIRALO", Health.UNKNOWN, {})
    assert (partner.purchases_last_hour, partner.purchases_last_day) == (2, 3)
    assert partner.open_purchases == {
        PurchaseState.UNKNOWN: 1,
        PurchaseState.SENT: 1,
        PurchaseState.ACCEPTED: 1,
    }
    assert (partner.balance, partner.balance_currency) == (Decimal("41.5"), "USD")
    assert (partner.health, partner.last_failure_code) == (Health.OK, "provider-refused")


async def test_a_purchase_that_a_person_found_absent_was_none(engine: AsyncEngine) -> None:
    """The overview counts as the spend guard does: four of five were spent."""
    bought = [await in_doubt(engine, await paid_order(engine)) for _ in range(5)]
    await run(engine, "UPDATE provider_intents SET sent_at = now() - interval '1 minute'")
    await run(
        engine,
        "UPDATE provider_intents SET state = 'RESOLVED', resolution = 'ABSENT',"
        " resolved_by = 'ana', resolved_reason = 'asked', closed_at = now() WHERE id = :id",
        id=bought[0],
    )
    view = await seen(engine)
    assert (view.purchases_last_hour, view.purchases_last_day) == (4, 4)
    for limit, is_held in ((5, False), (4, True)):
        async with transaction(engine) as connection:
            limits = ProviderLimits(purchases_per_hour=limit)
            hold = await spend(connection, PROVIDER, limits, Spending(SpendLimits(), 1))
        assert (hold is not None) is is_held


async def test_only_what_waits_for_the_provider_is_woken(engine: AsyncEngine) -> None:
    """Those that wait longest first, at most so many; served orders and others' sleep."""
    named, bought_here, elsewhere, failed, parked_one = [await paid_order(engine) for _ in range(5)]
    await parked(engine, named, "PENDING_ACTIVATION", "provider-held")
    await parked(engine, bought_here, "PENDING_ACTIVATION", "provider-unavailable")
    await parked(engine, elsewhere, "PENDING_ACTIVATION", "provider-unavailable")
    await parked(engine, failed, "PENDING_ACTIVATION", "storage-unavailable")
    await parked(engine, parked_one, "PROVISIONING_FAILED", "provider-unavailable")
    reason = "UPDATE esim_profiles SET failure_reason = :r WHERE order_id = :id"
    await run(engine, reason, r=f"{PROVIDER} was not called: paused by ops.", id=named)
    await run(engine, reason, r=f"{PROVIDER} cannot be reached.", id=parked_one)
    await run(engine, reason, r="AIRALO cannot be reached.", id=elsewhere)
    await in_doubt(engine, bought_here, state=PurchaseState.REFUSED)
    await in_doubt(engine, elsewhere, provider="AIRALO", state=PurchaseState.REFUSED)
    await paid_order(engine)
    async with transaction(engine) as connection:
        waiting = await provider_controls.waiting_for(connection, PROVIDER, limit=10)
        assert waiting == [named, bought_here, parked_one]
        assert await provider_controls.waiting_for(connection, PROVIDER, limit=1) == [named]


@pytest.mark.parametrize(
    ("gate", "success", "failure", "expected"),
    [
        (Gate(), None, None, Health.UNKNOWN),
        (Gate(), NOW, None, Health.OK),
        (Gate(), NOW, BEFORE, Health.OK),
        (Gate(), BEFORE, NOW, Health.UNKNOWN),
        (Gate(failures=1), BEFORE, NOW, Health.FAILING),
        (Gate(failures=5, opened_at=BEFORE, probe_at=AFTER), None, NOW, Health.COOLING_DOWN),
        (Gate(failures=5, opened_at=BEFORE, blocked_until=AFTER), None, NOW, Health.BLOCKED),
        (Gate(blocked_until=BEFORE), NOW, BEFORE, Health.OK),
        (Gate(paused=True, blocked_until=AFTER, failures=5), NOW, None, Health.PAUSED),
    ],
)
def test_health_is_one_word(
    gate: Gate, success: datetime | None, failure: datetime | None, expected: Health
) -> None:
    """What keeps calls away counts before what the last calls said."""
    assert health(gate, NOW, success, failure) is expected


def test_an_open_breaker_lets_a_probe_through_when_it_is_due() -> None:
    """Open until the moment of the probe, probing from then on, closed otherwise."""
    assert breaker(Gate(failures=4), NOW) is BreakerState.CLOSED
    assert breaker(Gate(opened_at=BEFORE, probe_at=AFTER), NOW) is BreakerState.OPEN
    assert breaker(Gate(opened_at=BEFORE, probe_at=NOW), NOW) is BreakerState.PROBING
