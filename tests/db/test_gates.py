"""The gates' rows: one permit for one call, whoever asks at the same moment."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import gates
from db.engine import transaction
from db.spend_guard import Spending, spend
from domain.errors import (
    CredentialsRefused,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
    StaleWrite,
)
from domain.gate import Change, Hold, HoldReason, ProviderLimits, SpendLimits
from domain.provider import Balance
from tests.rows import paid_order, rows, run, value

A, B = "AIRALO", "ESIM_ACCESS"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ONE_AN_HOUR = ProviderLimits(rate_per_second=1 / 3600)


async def enter(
    engine: AsyncEngine,
    provider: str = A,
    limits: ProviderLimits = ONE_AN_HOUR,
    now: datetime | None = None,
) -> Hold | None:
    """Ask for one permit, in a transaction of its own."""
    async with transaction(engine) as connection:
        return await gates.enter(connection, provider, limits, now=now)


async def peek(engine: AsyncEngine, provider: str = A, now: datetime | None = None) -> Hold | None:
    """Look, in a transaction of its own."""
    async with transaction(engine) as connection:
        return await gates.peek(connection, provider, ONE_AN_HOUR, now=now)


async def report(
    engine: AsyncEngine, error: ProviderError | None, now: datetime | None = NOW
) -> Change | None:
    """Say how a call ended, in a transaction of its own."""
    async with transaction(engine) as connection:
        return await gates.report(connection, A, ProviderLimits(), error, now=now)


async def gate_of(engine: AsyncEngine, provider: str = A) -> dict[str, Any]:
    """The provider's row."""
    [found] = await rows(
        engine, "SELECT * FROM provider_gates WHERE provider = :name", name=provider
    )
    return dict(found)


@pytest.mark.parametrize("known", [True, False], ids=["known", "first call ever"])
async def test_of_many_that_race_for_one_permit_one_gets_it(
    engine: AsyncEngine,
    known: bool,
) -> None:
    """Eight connections at once, with and without a row to lock: seven learn of the rate."""
    if known:
        await report(engine, None)
    answers = await asyncio.gather(*(enter(engine) for _ in range(8)))
    assert answers.count(None) == 1
    assert {each.reason for each in answers if each is not None} == {HoldReason.RATE}


async def test_a_permit_is_taken_with_its_transaction_and_not_before(engine: AsyncEngine) -> None:
    """Whoever asks meanwhile waits for that transaction, and gets the permit if it rolls back."""
    await report(engine, None)
    async with engine.connect() as connection:
        assert await gates.enter(connection, A, ONE_AN_HOUR, now=None) is None
        second = asyncio.create_task(enter(engine))
        await _waits_for_a_lock(engine)
        await connection.rollback()
    assert await second is None


async def test_providers_do_not_share_a_gate(engine: AsyncEngine) -> None:
    """A's last permit is no matter of B's."""
    assert await enter(engine, A) is None
    assert await enter(engine, B) is None
    assert await enter(engine, A) is not None


async def test_a_look_takes_no_permit_and_leaves_the_rate_aside(engine: AsyncEngine) -> None:
    """However often one looks, the permit is there; and who looks waits for no turn."""
    for _ in range(3):
        assert await peek(engine) is None
    before = await gate_of(engine)
    assert await enter(engine) is None
    assert await peek(engine) is None
    assert before["next_call_at"] is None


async def test_a_look_says_why_a_call_would_be_held(engine: AsyncEngine) -> None:
    """Paused, asked to wait, cooling down; the probe of an open breaker is not used up."""
    await report(engine, ProviderUnavailable("429", retry_after_seconds=30))
    answer = await peek(engine, now=NOW)
    assert answer == Hold(HoldReason.ASKED_TO_WAIT, 30)
    for _ in range(ProviderLimits().failures_to_open):
        await report(engine, ProviderUnavailable("503"))
    probe_at = NOW + timedelta(seconds=ProviderLimits().probe_seconds)
    for _ in range(2):
        assert await peek(engine, now=probe_at) is None
    assert await enter(engine, now=probe_at) is None
    cooling = await peek(engine, now=probe_at)
    assert cooling is not None
    assert cooling.reason is HoldReason.COOLING_DOWN
    await _pause(engine)
    paused = await peek(engine, now=probe_at)
    assert paused is not None
    assert paused.reason is HoldReason.PAUSED


async def test_the_opening_of_the_breaker_is_told_once(engine: AsyncEngine) -> None:
    """For the failure that opens it, not before and not after: one alarm an outage."""
    limits = ProviderLimits()
    told = [
        await report(engine, ProviderOutcomeUnknown("no answer"))
        for _ in range(limits.failures_to_open + 2)
    ]
    assert told == [None] * (limits.failures_to_open - 1) + [Change.OPENED, None, None]
    gate = await gate_of(engine)
    assert gate["last_failure_code"] == ProviderOutcomeUnknown.code
    assert (gate["opened_at"], gate["last_failure_at"]) == (NOW, NOW)


async def test_refused_credentials_are_told_each_time_and_their_end_once(
    engine: AsyncEngine,
) -> None:
    """Loudly, for as long as it lasts; a plain refusal is an answer, and ends it as a sale does."""
    refused = CredentialsRefused("401")
    assert [await report(engine, refused) for _ in range(2)] == [Change.CREDENTIALS_REFUSED] * 2
    held = await peek(engine, now=NOW)
    assert held is not None
    assert held.reason is HoldReason.CREDENTIALS
    assert (await gate_of(engine))["last_failure_code"] == CredentialsRefused.code
    assert await report(engine, ProviderRefused("no such plan")) is Change.CREDENTIALS_ACCEPTED
    assert await report(engine, None) is None
    assert await peek(engine, now=NOW) is None


async def test_failures_that_are_reported_at_once_are_all_counted(engine: AsyncEngine) -> None:
    """Exactly one of the concurrent reports opens the breaker."""
    count = ProviderLimits().failures_to_open
    told = await asyncio.gather(*(report(engine, ProviderUnavailable("503")) for _ in range(count)))
    assert told.count(Change.OPENED) == 1
    assert (await gate_of(engine))["failures"] == count


@pytest.mark.parametrize("error", [None, ProviderRefused("no credit")], ids=["yes", "no"])
async def test_an_answer_closes_the_breaker(
    engine: AsyncEngine, error: ProviderError | None
) -> None:
    """A refusal is an answer too; a later outage is told again."""
    for _ in range(ProviderLimits().failures_to_open):
        await report(engine, ProviderUnavailable("503"))
    assert await report(engine, error) is None
    gate = await gate_of(engine)
    assert (gate["failures"], gate["opened_at"], gate["probe_at"]) == (0, None, None)
    assert gate["last_success_at"] == NOW
    assert gate["last_failure_code"] == ProviderUnavailable.code


async def test_a_wait_that_was_asked_for_is_kept_for_everybody(engine: AsyncEngine) -> None:
    """By the database's clock, where no test brings one; the longest one wins."""
    await report(engine, ProviderUnavailable("429", retry_after_seconds=500), now=None)
    await report(engine, ProviderUnavailable("429", retry_after_seconds=5), now=None)
    answer = await enter(engine)
    assert answer is not None
    assert answer.reason is HoldReason.ASKED_TO_WAIT
    assert 400 < answer.seconds <= 500
    assert (await gate_of(engine))["failures"] == 0


@pytest.fixture
async def customers(engine: AsyncEngine, catalogue: None) -> None:  # noqa: ARG001 - its rows
    """A second one beside the catalogue's."""
    await run(engine, "INSERT INTO users (email, name) VALUES ('ben@example.com', 'Ben')")


async def _sent(
    engine: AsyncEngine,
    provider: str = A,
    *,
    user_id: int = 1,
    state: str = "CONFIRMED",
    ago: str = "0 minutes",
) -> None:
    """A purchase that left so long ago."""
    order_id = await paid_order(engine)
    await run(engine, "UPDATE orders SET user_id = :user WHERE id = :id", user=user_id, id=order_id)
    await run(
        engine,
        "INSERT INTO provider_intents (order_id, provider, reference, state, request, sent_at,"
        " provider_order_id) VALUES (:id, :provider, 'order-' || :id, :state, '{}',"
        " now() - CAST(:ago AS interval), 'P-1')",
        id=order_id,
        provider=provider,
        state=state,
        ago=ago,
    )


async def _spend(
    engine: AsyncEngine,
    *,
    here: int | None = 100,
    everywhere: int | None = None,
    by_user: int | None = None,
    user_id: int = 1,
) -> Hold | None:
    async with transaction(engine) as connection:
        return await spend(
            connection,
            A,
            ProviderLimits(purchases_per_hour=here),
            Spending(SpendLimits(everywhere, by_user), user_id),
        )


@pytest.mark.usefixtures("customers")
@pytest.mark.parametrize("state", ["SENT", "ACCEPTED", "UNKNOWN", "CONFIRMED"])
async def test_the_spend_guard_counts_what_may_have_been_charged(
    engine: AsyncEngine, state: str
) -> None:
    """Whatever was sent and not refused; of one more than allowed nothing leaves."""
    await _sent(engine, state=state)
    assert await _spend(engine, here=2) is None
    answer = await _spend(engine, here=1)
    assert answer is not None
    assert answer.reason is HoldReason.SPEND


@pytest.mark.usefixtures("customers")
async def test_the_spend_guard_leaves_out_refusals_old_purchases_and_what_never_left(
    engine: AsyncEngine,
) -> None:
    """A refusal costs nothing, an hour passes, and INTENDED has no moment of sending."""
    await _sent(engine, state="REFUSED")
    await _sent(engine, ago="61 minutes")
    await _sent(engine, state="INTENDED")
    await run(engine, "UPDATE provider_intents SET sent_at = NULL WHERE state = 'INTENDED'")
    assert await _spend(engine, here=1, everywhere=1, by_user=1) is None
    await _sent(engine, ago="59 minutes")
    assert await _spend(engine, here=1) is not None


@pytest.mark.usefixtures("customers")
async def test_each_share_of_the_spend_guard_counts_its_own(engine: AsyncEngine) -> None:
    """Two at A (one of Ana's, one of Ben's), one of Ana's at B: three in all."""
    await _sent(engine, A, user_id=1)
    await _sent(engine, A, user_id=2)
    await _sent(engine, B, user_id=1)
    assert await _spend(engine, everywhere=4, here=3, by_user=3) is None
    assert await _spend(engine, everywhere=3) is not None
    assert await _spend(engine, here=2) is not None
    assert await _spend(engine, by_user=2, user_id=1) is not None
    assert await _spend(engine, by_user=2, user_id=2) is None


@pytest.mark.usefixtures("customers")
async def test_a_provider_that_costs_nothing_has_no_spend_guard(engine: AsyncEngine) -> None:
    """What nobody pays for is not counted."""
    await _sent(engine)
    assert await _spend(engine, here=None, everywhere=0, by_user=0) is None


async def test_a_balance_is_asked_for_by_one_process_in_ten_minutes(engine: AsyncEngine) -> None:
    """Of eight at once one takes the turn; the next turn comes with the interval."""

    async def claim() -> bool:
        async with transaction(engine) as connection:
            return await gates.claim_balance(connection, A)

    assert (await asyncio.gather(*(claim() for _ in range(8)))).count(True) == 1
    assert await claim() is False
    older = "UPDATE provider_gates SET balance_at = balance_at - interval '10 minutes'"
    await run(engine, older)
    assert (await asyncio.gather(*(claim() for _ in range(8)))).count(True) == 1


async def test_a_balance_is_kept_in_its_own_currency(engine: AsyncEngine) -> None:
    """Amount, currency and moment; a provider without a gate has nowhere to keep one."""
    async with transaction(engine) as connection:
        with pytest.raises(StaleWrite):
            await gates.note_balance(connection, A, Balance(Decimal("1.5"), "USD"))
    await report(engine, None)
    async with transaction(engine) as connection:
        await gates.note_balance(connection, A, Balance(Decimal("12.3456"), "USD"))
    gate = await gate_of(engine)
    assert (gate["balance"], gate["balance_currency"]) == (Decimal("12.3456"), "USD")
    assert gate["balance_at"] is not None


async def _pause(engine: AsyncEngine) -> None:
    await run(
        engine,
        "UPDATE provider_gates SET paused = true, paused_by = 'ops', paused_reason = 'a test',"
        " paused_at = now()",
    )


async def _waits_for_a_lock(engine: AsyncEngine) -> None:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(10):
        while not await value(engine, waiting):
            await asyncio.sleep(0.01)
