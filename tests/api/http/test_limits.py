"""What one user, and everybody together, may ask."""

import asyncio
from collections import Counter
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.pause_points import PausePoint
from api.app import AppSettings
from api.http.limits import Places, RateLimit
from api.http.problems import Problem
from local.temporal import TemporalServer
from tests.api.asking import activate
from tests.api.server import app_settings
from tests.api.tokens import bearer
from tests.holds import Hold
from tests.rows import paid_order, run, stock_item


@pytest.fixture
def limits() -> dict[str, int]:
    """Tight ones; tests override them."""
    return {"rate_limit_per_minute": 4, "orders_per_minute_per_user": 3}


@pytest.fixture
def settings(
    database_url: str,
    temporal_server: TemporalServer,
    task_queue: str,
    catalogue: None,
    limits: dict[str, int],
) -> AppSettings:
    """An app with these limits."""
    del catalogue
    return app_settings(database_url, temporal_server.address, task_queue, **limits)


async def test_too_many_requests_of_one_user_are_429(
    anybody: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """A retryable problem with Retry-After; reads count; another user is not touched."""
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
    read = await anybody.get("/api/orders/mine", headers=bearer(1))
    assert (read.status_code, read.json()["code"]) == (429, "rate-limited")


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("limits", [{"activation_admission_limit": 1}])
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


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    "limits",
    [{"activation_admission_limit": 9, "activation_waits_per_order": 3}],
)
async def test_a_customer_who_waits_many_times_locks_nobody_out(
    customer: httpx.AsyncClient, engine: AsyncEngine, pause_points_dir: Path
) -> None:
    """Thirty POSTs of one order: those beyond its share are 429, another order answers 200."""
    await stock_item(engine)
    await stock_item(engine, 2)
    order_id, other = await paid_order(engine), await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.BEFORE_RESERVE_COMMIT, order_id)
    waiting = [asyncio.create_task(activate(customer, order_id, "wait=20")) for _ in range(30)]
    await hold.reached()
    assert (await activate(customer, other, "wait=20")).status_code == 200
    hold.release()
    answers = [await answer for answer in waiting]
    assert Counter(answer.status_code for answer in answers) == {200: 3, 429: 27}
    assert {a.json()["code"] for a in answers if a.is_error} == {"too-many-at-once"}


@pytest.mark.parametrize("limits", [{"event_streams_per_order": 2}])
async def test_streams_of_one_order_are_limited(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """The third is 429; a stream that its reader leaves gives its place back."""
    order_id = await paid_order(engine)
    path = f"/api/activations/{order_id}/events"
    async with customer.stream("GET", path) as first:
        async with customer.stream("GET", path) as second:
            refused = await customer.get(path)
            assert (first.status_code, second.status_code) == (200, 200)
            assert (refused.status_code, refused.json()["code"]) == (429, "too-many-at-once")
        async with asyncio.timeout(20):
            while await _is_refused(customer, path):
                pass


async def _is_refused(client: httpx.AsyncClient, path: str) -> bool:
    async with client.stream("GET", path) as answer:
        return answer.status_code == 429


def test_a_user_and_an_order_have_a_share_of_the_places() -> None:
    """A full share is theirs alone, and every place comes back."""
    places = Places(4, per_user=2, per_order=1)
    for _ in range(2):
        with places.place(1, 10), places.place(1, 11):
            for user_id, order_id in ((1, 12), (2, 10)):
                with (
                    pytest.raises(Problem, match="under way") as refused,
                    places.place(user_id, order_id),
                ):
                    pass
                assert refused.value.code == "too-many-at-once"
            with (
                places.place(2, 20),
                places.place(3, 30),
                pytest.raises(Problem) as refused,
                places.place(4, 40),
            ):
                pass
            assert refused.value.code == "too-busy"
    assert not places._taken  # noqa: SLF001 - who left leaves nothing behind


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
