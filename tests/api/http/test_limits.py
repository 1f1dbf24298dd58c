"""What one user, and everybody together, may ask."""

import asyncio
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.pause_points import PausePoint
from api.app import AppSettings
from api.http.limits import RateLimit
from api.http.problems import Problem
from local.temporal import TemporalServer
from tests.api.asking import activate
from tests.api.server import app_settings
from tests.api.tokens import bearer
from tests.holds import Hold
from tests.rows import paid_order, run, stock_item


@pytest.fixture
def settings(
    database_url: str, temporal_server: TemporalServer, task_queue: str, catalogue: None
) -> AppSettings:
    """Tight limits."""
    del catalogue
    return app_settings(
        database_url,
        temporal_server.address,
        task_queue,
        rate_limit_per_minute=3,
        activation_admission_limit=1,
    )


async def test_too_many_requests_of_one_user_are_429(
    anybody: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """A retryable problem with Retry-After; another user is not touched; reading stays free."""
    await run(engine, "INSERT INTO users (email) VALUES ('ben@example.com')")
    answers = [
        await anybody.post("/api/orders", json={"plan_id": 9}, headers=bearer(1)) for _ in range(4)
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert answers[3].json()["code"] == "rate-limited"
    assert answers[3].json()["retryable"] is True
    assert int(answers[3].headers["retry-after"]) >= 20
    other = await anybody.post("/api/orders", json={"plan_id": 9}, headers=bearer(2))
    assert other.status_code == 404
    assert (await anybody.get("/api/orders/mine", headers=bearer(1))).status_code == 200


@pytest.mark.usefixtures("worker")
async def test_a_burst_beyond_the_admission_limit_is_turned_away(
    customer: httpx.AsyncClient, engine: AsyncEngine, pause_points_dir: Path
) -> None:
    """One place, taken: the next is 429; what is ready needs no place; the place comes back."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.BEFORE_RESERVE_COMMIT, order_id)
    waiting = asyncio.create_task(activate(customer, order_id, "wait=20"))
    await hold.reached()
    other = await paid_order(engine)
    turned_away = await activate(customer, other)
    assert (turned_away.status_code, turned_away.json()["code"]) == (429, "too-busy")
    assert int(turned_away.headers["retry-after"]) >= 1
    hold.release()
    assert (await waiting).status_code == 200
    assert (await activate(customer, order_id)).status_code == 200


def test_a_bucket_refills_with_time_and_holds_no_more_than_a_minute() -> None:
    """Sixty a minute: one a second after the burst, never more than sixty at once."""
    now = 0.0
    limit = RateLimit(60, clock=lambda: now)
    for _ in range(60):
        limit.take(1)
    with pytest.raises(Problem):
        limit.take(1)
    now = 1.0
    limit.take(1)
    with pytest.raises(Problem):
        limit.take(1)
    now = 10_000.0
    for _ in range(60):
        limit.take(1)
    with pytest.raises(Problem):
        limit.take(1)


def test_users_who_left_are_forgotten() -> None:
    """A flood of users does not grow the memory without end."""
    limit = RateLimit(60)
    for user_id in range(20_000):
        limit.take(user_id)
    assert len(limit._buckets) <= 10_000  # noqa: SLF001 - nothing else shows it
