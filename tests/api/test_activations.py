"""Where an activation stands, its timeline, and its timeline as it happens."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.pause_points import PausePoint
from db import events as db_events
from db.engine import transaction
from domain.event import EventKind, Origin
from tests.api.asking import DOWN, activate
from tests.api.tokens import admin, bearer
from tests.holds import Hold
from tests.partners.connected_you import PartnerServer
from tests.rows import paid_order, rows, run, stock_item, value

pytestmark = pytest.mark.usefixtures("worker")


@dataclass(frozen=True)
class Sent:
    """One server-sent event."""

    event: str
    id: int | None
    data: dict[str, object]


@asynccontextmanager
async def events(
    client: httpx.AsyncClient, order_id: int, **headers: str
) -> AsyncIterator[AsyncIterator[Sent]]:
    """An open stream of an order's events."""
    path = f"/api/activations/{order_id}/events"
    async with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _parse(answer.aiter_lines())


async def _parse(lines: AsyncIterator[str]) -> AsyncIterator[Sent]:
    fields: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            id_ = int(fields["id"]) if "id" in fields else None
            yield Sent(fields["event"], id_, json.loads(fields["data"]))
            fields = {}


async def test_a_stream_ends_with_its_token(
    anybody: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """No `end`: who comes back with an old token is told so, and a new one goes on."""
    order_id = await paid_order(engine)
    soon = bearer(1, exp=int(time.time()) - 28)  # and 30 s of leeway
    async with events(anybody, order_id, **soon) as sent:
        assert [each.event async for each in sent] == []
    path = f"/api/activations/{order_id}/events"
    assert (await anybody.get(path, headers=soon)).status_code == 401


async def test_a_stream_ends_when_its_user_is_blocked(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """What happens afterwards is not sent any more."""
    order_id = await paid_order(engine)
    async with asyncio.timeout(60), events(customer, order_id) as sent:
        await _happens(engine, order_id)
        assert (await anext(sent)).event == "retry_requested"
        await run(engine, "UPDATE users SET blocked_at = now()")
        await _happens(engine, order_id)
        assert [each.event async for each in sent] == []


async def _happens(engine: AsyncEngine, order_id: int) -> None:
    async with transaction(engine) as connection:
        await db_events.append(connection, order_id, EventKind.RETRY_REQUESTED, Origin("a test"))


async def test_a_finished_activation_is_described_without_its_code(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Status, times and links; no code anywhere, in status, timeline or stream."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    esim = (await activate(customer, order_id)).json()
    status = await customer.get(f"/api/activations/{order_id}")
    body = status.json()
    assert (body["order_id"], body["id"], body["status"]) == (order_id, esim["id"], "activated")
    assert (body["failure"], body["failed_rounds"]) == (None, 0)
    assert body["activated_at"] >= body["provisioned_at"] >= body["started_at"]
    assert (await customer.get(body["links"]["esim"])).json() == esim
    timeline = await customer.get(body["links"]["timeline"])
    assert [event["kind"] for event in timeline.json()] == [
        "activation_started",
        "inventory_reserved",
        "profile_assigned",
        "profile_activated",
    ]
    stream = await customer.get(body["links"]["events"])
    for answer in (status, timeline, stream):
        assert "STOCK-1" not in answer.text
        assert answer.headers["cache-control"] == "no-store"


async def test_a_failure_says_why(
    customer: httpx.AsyncClient, engine: AsyncEngine, partner: PartnerServer
) -> None:
    """Code, the sentence of the 502 and the failed rounds; the reason itself is for ops alone."""
    partner.answer = DOWN
    order_id = await paid_order(engine)
    refused = (await activate(customer, order_id)).json()
    path = f"/api/activations/{order_id}"
    theirs = (await customer.get(path)).json()
    assert (theirs["status"], theirs["failed_rounds"]) == ("pending_activation", 1)
    assert theirs["failure"] == {
        "code": "provider-unavailable",
        "detail": refused["detail"],
        "reason": None,
    }
    reason = await value(engine, "SELECT failure_reason FROM esim_profiles")
    again = await activate(customer, order_id, "respond-async")
    timeline = await customer.get(f"{path}/timeline")
    async with asyncio.timeout(30), events(customer, order_id) as stream:
        streamed = [await anext(stream) for _ in timeline.json()]
    for said in (theirs, again.text, timeline.text, [event.data for event in streamed]):
        assert reason not in str(said)
    assert "provider-unavailable" in timeline.text
    ours = (await customer.get(path, headers=admin(1))).json()
    assert ours["failure"] == theirs["failure"] | {"reason": reason}
    assert reason in (await customer.get(f"{path}/timeline", headers=admin(1))).text


async def test_staff_and_machinery_are_for_ops_alone(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """A customer's timeline leaves out who did it and where; an admin's does not."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await activate(customer, order_id)
    path = f"/api/activations/{order_id}/timeline"
    theirs = (await customer.get(path)).json()[0]
    ours = (await customer.get(path, headers=admin(1))).json()[0]
    assert (theirs["actor"], theirs["workflow_id"], theirs["payload"]) == (None, None, None)
    assert ours["workflow_id"] == f"activate-esim-{order_id}"
    assert ours["actor"]


async def test_a_timeline_comes_in_pages(customer: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """The pages together are the whole, oldest first."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await activate(customer, order_id)
    path = f"/api/activations/{order_id}/timeline"
    whole = [event["id"] for event in (await customer.get(path)).json()]
    seen: list[int] = []
    following: str | None = f"{path}?limit=3"
    while following:
        page = await customer.get(following)
        seen += [event["id"] for event in page.json()]
        following = page.links.get("next", {}).get("url")
    assert seen == whole


async def test_a_stream_tells_what_happens_while_it_happens(
    customer: httpx.AsyncClient, engine: AsyncEngine, pause_points_dir: Path
) -> None:
    """Events come before the activation has ended; `end` closes the stream."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    hold = Hold(pause_points_dir, PausePoint.BEFORE_APPLY_COMMIT, order_id)
    seen = []
    async with asyncio.timeout(30), events(customer, order_id) as stream:
        await activate(customer, order_id, "respond-async")
        async for event in stream:
            seen.append(event.event)
            if event.event == "inventory_reserved":
                hold.release()
    assert seen == [
        "activation_started",
        "inventory_reserved",
        "profile_assigned",
        "profile_activated",
        "end",
    ]


async def test_a_stream_resumes_where_it_left_off(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """With `Last-Event-ID` nothing is missed and nothing comes twice."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await activate(customer, order_id)
    async with events(customer, order_id) as stream:
        whole = [event async for event in stream]
    async with events(customer, order_id, **{"Last-Event-ID": str(whole[1].id)}) as stream:
        rest = [event async for event in stream]
    async with events(customer, order_id, **{"Last-Event-ID": "not-ours"}) as stream:
        again = [event async for event in stream]
    assert rest == whole[2:]
    assert again == whole
    recorded = await rows(engine, "SELECT id FROM esim_provisioning_events ORDER BY id")
    assert [event.id for event in whole[:-1]] == [row["id"] for row in recorded]


async def test_a_stream_ends_when_the_activation_is_cancelled(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Whoever opens it later gets what there was and the end."""
    order_id = await paid_order(engine)
    await run(engine, "UPDATE esim_profiles SET status = 'CANCELLED'")
    async with events(customer, order_id) as stream:
        assert [event.event async for event in stream] == ["end"]


async def test_many_streams_of_one_order_all_hear_of_it(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """A hundred streams, one LISTEN connection."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    opened = asyncio.Semaphore(0)

    async def last_word() -> str:
        async with events(customer, order_id) as stream:
            opened.release()
            return [event.event async for event in stream][-1]

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        listeners = [group.create_task(last_word()) for _ in range(100)]
        for _ in listeners:
            await opened.acquire()
        await activate(customer, order_id)
    assert {listener.result() for listener in listeners} == {"end"}
    [feeding] = await rows(
        engine,
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'esim-notifications' AND datname = current_database()",
    )
    assert feeding["count"] == 1
