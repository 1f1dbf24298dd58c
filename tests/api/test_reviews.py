"""What ops see of purchases in doubt, and what they decide."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from db.locks import PurchaseLock
from domain.profile import ProfileStatus
from tests.api.asking import activate
from tests.api.server import app_settings, serving
from tests.api.tokens import admin, bearer
from tests.cli.profile_states import order_in
from tests.doubts import CANARY, CODE, ICCID, RAW, in_doubt, long_story, quarantined, under_review
from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import answering
from tests.rows import paid_order, rows, stock_item, value
from tests.workflows.conftest import Watch
from workflows.messages import Step

PATH = "/api/admin/reviews"
ABSENT = {"resolution": "absent", "reason": "The partner has not booked it."}
GIVEN_UP = {"resolution": "given_up", "reason": "Nobody answers."}
EXISTS = {
    "resolution": "exists",
    "reason": "They have sent the code.",
    "activation_code": f"LPA:{CODE}",
    "iccid": ICCID,
    "provider_order_id": "P-7",
}


async def fallen_silent(
    customer: httpx.AsyncClient, engine: AsyncEngine, partner: PartnerServer, watch: Watch
) -> int:
    """An order whose activation waits for a review, since the partner failed midway."""
    partner.answer = answering(500, {"error": "midway"})
    order_id = await paid_order(engine)
    await activate(customer, order_id)
    await watch.until(order_id, "status = 'NEEDS_REVIEW'")
    await watch.step(order_id, Step.PARKED)
    partner.answer = partner.sell
    return order_id


async def resolve(ops: httpx.AsyncClient, order_id: int, body: dict[str, Any]) -> httpx.Response:
    """One decision."""
    answer = await ops.post(f"{PATH}/{order_id}/resolve", json=body)
    assert CANARY not in answer.text
    return answer


@pytest.mark.usefixtures("worker")
async def test_a_code_that_is_brought_reaches_the_customer(
    ops: httpx.AsyncClient,
    customer: httpx.AsyncClient,
    engine: AsyncEngine,
    partner: PartnerServer,
    watch: Watch,
) -> None:
    """The waiting activation goes on with it, and nothing is bought."""
    order_id = await fallen_silent(customer, engine, partner, watch)
    answer = await resolve(ops, order_id, EXISTS)
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert (done["item_status"], done["follow_up"], done["asked"]) == ("reserved", "retry", True)
    assert await watch.ended(order_id) == "activated"
    esim = (await customer.get("/api/esims/mine")).json()[0]
    assert (esim["activation_code"], esim["iccid"]) == (CODE, ICCID)
    assert len(partner.requests) == 1
    asked = "SELECT actor, payload FROM esim_provisioning_events WHERE kind = :kind"
    [resolved] = await rows(engine, asked, kind="purchase_resolved")
    assert resolved["actor"] == "ana@example.com"
    [retried] = await rows(engine, asked, kind="retry_requested")
    assert retried["payload"]["reason"] == "Resolved as exists: They have sent the code."


@pytest.mark.usefixtures("worker")
async def test_an_absent_purchase_is_bought_again(
    ops: httpx.AsyncClient,
    customer: httpx.AsyncClient,
    engine: AsyncEngine,
    partner: PartnerServer,
    watch: Watch,
) -> None:
    """A second request leaves, under the same reference."""
    order_id = await fallen_silent(customer, engine, partner, watch)
    answer = await resolve(ops, order_id, ABSENT)
    assert (answer.status_code, answer.json()["asked"]) == (200, True)
    assert await watch.ended(order_id) == "activated"
    references = [received.json["orderReference"] for received in partner.requests]
    assert references == [f"order-{order_id}"] * 2


@pytest.mark.usefixtures("worker")
async def test_giving_up_cancels_the_activation(
    ops: httpx.AsyncClient,
    customer: httpx.AsyncClient,
    engine: AsyncEngine,
    partner: PartnerServer,
    watch: Watch,
) -> None:
    """It ends as cancelled, and nothing is bought any more."""
    order_id = await fallen_silent(customer, engine, partner, watch)
    answer = await resolve(ops, order_id, GIVEN_UP)
    assert (answer.status_code, answer.json()["follow_up"]) == (200, "cancel")
    assert await watch.ended(order_id) == "cancelled"
    assert len(partner.requests) == 1


async def test_a_page_shows_all_there_is_to_decide_by(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Sent, came back, when, states, customer, quarantine, choices and timeline; no code."""
    order_id = await under_review(engine)
    reply_id = await quarantined(engine, order_id)
    page = await ops.get(f"{PATH}/{order_id}")
    assert page.status_code == 200, page.text
    assert CANARY not in page.text
    shown = page.json()
    assert (shown["provider"], shown["reference"]) == ("CONNECTED_YOU", f"order-{order_id}")
    assert (shown["order_status"], shown["profile_status"]) == ("paid", "needs_review")
    assert (shown["user_id"], shown["attempts"]) == (1, 2)
    assert shown["request"] == {"orderReference": f"order-{order_id}"}
    assert (shown["reply"], shown["error_code"]) == ({"status": 504}, "provider-outcome-unknown")
    [reply] = shown["replies"]
    assert (reply["id"], reply["size"]) == (reply_id, len(RAW))
    assert reply["reason"] == "It names another order."
    effects = {choice["resolution"]: choice["effect"] for choice in shown["choices"]}
    assert set(effects) == {"exists", "absent", "given_up"}
    assert "second charge" in effects["absent"]
    assert (shown["timeline"], shown["earlier_events"]) == ([], 0)
    await resolve(ops, order_id, ABSENT)
    decided = (await ops.get(f"{PATH}/{order_id}")).json()
    assert (decided["state"], decided["resolved_by"]) == ("resolved", "ana@example.com")
    assert (decided["choices"], len(decided["timeline"])) == ([], 1)


async def test_a_page_after_a_long_story_shows_its_end(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """The newest events, oldest of them first, and how many earlier ones there are."""
    order_id = await under_review(engine)
    await long_story(engine, order_id, events=502)
    shown = (await ops.get(f"{PATH}/{order_id}")).json()
    rounds = [event["payload"]["round"] for event in shown["timeline"]]
    assert (rounds, shown["earlier_events"]) == (list(range(3, 503)), 2)


@pytest.mark.parametrize("status", [ProfileStatus.ACTIVATED, ProfileStatus.CANCELLED])
async def test_a_late_code_is_stored_and_nobody_is_asked(
    ops: httpx.AsyncClient, engine: AsyncEngine, status: ProfileStatus
) -> None:
    """The item is retired; the answer says so; nothing runs; the log names it without the code."""
    order_id = await order_in(engine, status)
    await in_doubt(engine, order_id)
    with capture_logs() as lines:
        done = (await resolve(ops, order_id, EXISTS)).json()
    [line] = [line for line in lines if line["event"] == "purchase_resolved"]
    assert (line["order_id"], line["actor"]) == (order_id, "ana@example.com")
    assert CANARY not in str(lines)
    assert (done["item_status"], done["follow_up"], done["asked"]) == ("retired", "nothing", False)
    assert done["next_step"].startswith("Nothing more")


async def test_a_list_is_newest_first_in_pages_by_provider(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Each page names the next; a decided one is gone from it."""
    waiting = [await under_review(engine) for _ in range(3)]
    elsewhere = await under_review(engine, provider="AIRALO")
    seen, path = [], f"{PATH}?limit=3"
    while path:
        page = await ops.get(path)
        seen.append([review["order_id"] for review in page.json()])
        path = page.links.get("next", {}).get("url", "")
    assert seen == [[elsewhere, *waiting[:0:-1]], [waiting[0]]]
    await resolve(ops, waiting[1], GIVEN_UP)
    mine = (await ops.get(f"{PATH}?provider=CONNECTED_YOU")).json()
    assert [review["order_id"] for review in mine] == [waiting[2], waiting[0]]


async def test_a_list_of_nobodys_purchases_is_404(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """An empty one would say that no money is in doubt there; the names there are do come."""
    await under_review(engine)
    for odd in ("CONECTED_YOU", "connected-you", "a b", "9" * 64):
        answer = await ops.get(PATH, params={"provider": odd})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-provider")
        assert "CONNECTED_YOU" in answer.json()["detail"]
    assert (await ops.get(PATH, params={"provider": "A" * 65})).status_code == 422


async def test_a_second_decision_is_409_and_says_who_was_first(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """So is one on an order whose purchase was never in doubt."""
    order_id = await under_review(engine)
    await resolve(ops, order_id, ABSENT)
    again = await resolve(ops, order_id, ABSENT)
    assert (again.status_code, again.json()["code"]) == (409, "not-in-review")
    assert "ana@example.com has decided on" in again.json()["detail"]
    never = await resolve(ops, await paid_order(engine), ABSENT)
    assert (never.status_code, never.json()["code"]) == (409, "not-in-review")


async def test_two_decisions_at_once_make_one(ops: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """One 200, the other 409."""
    order_id = await under_review(engine)
    answers = await asyncio.gather(resolve(ops, order_id, ABSENT), resolve(ops, order_id, GIVEN_UP))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert await value(engine, "SELECT count(*) FROM esim_provisioning_events") == 1


async def test_a_decision_waits_for_the_call_under_way(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """409 with Retry-After while the purchase lock is held."""
    order_id = await under_review(engine)
    async with PurchaseLock(engine).hold(order_id):
        answer = await resolve(ops, order_id, ABSENT)
    assert (answer.status_code, answer.json()["code"]) == (409, "purchase-under-way")
    assert answer.json()["retryable"]
    assert int(answer.headers["Retry-After"]) > 0
    assert (await resolve(ops, order_id, ABSENT)).status_code == 200


async def test_a_code_in_stock_is_409_with_its_item(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """The item is named, the code is not."""
    item_id = await stock_item(engine)
    stocked = await value(engine, "SELECT activation_code FROM esim_inventory")
    order_id = await under_review(engine)
    answer = await resolve(ops, order_id, EXISTS | {"activation_code": stocked})
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate-stock")
    assert f"Stock item {item_id}" in answer.json()["detail"]
    assert stocked not in answer.text


@pytest.mark.parametrize(
    "change",
    [
        {"reason": " "},
        {"reason": None},
        {"resolution": "maybe"},
        {"activation_code": None},
        {"activation_code": f"1${CANARY}"},
        {"activation_code": f"{CODE}$$1"},
        {"activation_code": [CODE]},
        {"activation_code": CODE * 20},
        {"iccid": "12"},
        {"confirmation_code": f"{CANARY}\u0000"},
        {"resolution": "absent"},
    ],
)
async def test_a_faulty_decision_is_422_and_quotes_nothing(
    ops: httpx.AsyncClient, engine: AsyncEngine, change: dict[str, object]
) -> None:
    """Nothing is decided; `resolve` checks that no answer holds a part of the code."""
    order_id = await under_review(engine)
    answer = await resolve(ops, order_id, EXISTS | change)
    assert answer.status_code == 422, answer.text
    assert await value(engine, "SELECT state FROM provider_intents") == "UNKNOWN"


async def test_a_code_is_taken_to_the_letter_if_somebody_answers_for_it(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """`as_given`; without it 422 says how."""
    order_id = await under_review(engine)
    link = f"https://a.example/{CANARY}"
    refused = await resolve(ops, order_id, EXISTS | {"activation_code": link})
    assert refused.status_code == 422, refused.text
    given = EXISTS | {"activation_code": link, "as_given": True}
    assert (await resolve(ops, order_id, given)).status_code == 200
    stored = "SELECT activation_code FROM esim_inventory WHERE as_given"
    assert await value(engine, stored) == link


async def test_a_code_that_must_be_released_is_not_taken_without_its_iccid(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """422 names what is missing; with it the same decision is taken."""
    order_id = await under_review(engine, provider="ES2PLUS")
    refused = await resolve(ops, order_id, EXISTS | {"iccid": None})
    assert refused.status_code == 422, refused.text
    assert "iccid" in refused.json()["detail"]
    assert (await resolve(ops, order_id, EXISTS)).status_code == 200


async def test_a_raw_reply_is_plain_text_and_on_record(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Nothing on the way may keep it; who read it is in the trail; other orders' are 404."""
    order_id, other = await under_review(engine), await under_review(engine)
    reply_id = await quarantined(engine, order_id)
    answer = await ops.get(f"{PATH}/{order_id}/replies/{reply_id}")
    assert (answer.status_code, answer.text) == (200, RAW)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    [event] = await rows(engine, "SELECT kind, actor, payload FROM esim_provisioning_events")
    assert (event["kind"], event["actor"]) == ("reply_shown", "ana@example.com")
    assert event["payload"] == {"reply_id": reply_id}
    assert (await ops.get(f"{PATH}/{other}/replies/{reply_id}")).status_code == 404
    assert await value(engine, "SELECT count(*) FROM esim_provisioning_events") == 1


async def test_only_ops_may_look_or_decide(anybody: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """401 without a token, 403 without the scope, also for the order's owner."""
    order_id = await under_review(engine)
    reply_id = await quarantined(engine, order_id)
    for headers, expected in (({}, 401), (bearer(1), 403)):
        for path in (PATH, f"{PATH}/{order_id}", f"{PATH}/{order_id}/replies/{reply_id}"):
            assert (await anybody.get(path, headers=headers)).status_code == expected
        answer = await anybody.post(f"{PATH}/{order_id}/resolve", json=ABSENT, headers=headers)
        assert answer.status_code == expected
    assert await value(engine, "SELECT count(*) FROM esim_provisioning_events") == 0


async def test_unknown_orders_are_404(ops: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """So is the page of an order whose purchase was never in doubt."""
    for order_id in (42, await paid_order(engine)):
        page = await ops.get(f"{PATH}/{order_id}")
        assert (page.status_code, page.json()["code"]) == (404, "review-not-found")
    assert (await resolve(ops, 42, ABSENT)).status_code == 404
    assert (await ops.get(f"{PATH}/42/replies/1")).status_code == 404


async def test_without_temporal_the_decision_stands(
    engine: AsyncEngine, database_url: str, catalogue: None
) -> None:
    """The answer says so and names the command that makes the activation go on."""
    del catalogue
    retried, cancelled = await under_review(engine), await under_review(engine)
    with serving(app_settings(database_url, "127.0.0.1:1")) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30, headers=admin(1)) as ops:
            absent = (await resolve(ops, retried, ABSENT)).json()
            given_up = (await resolve(ops, cancelled, GIVEN_UP)).json()
    assert not absent["asked"]
    assert f"esimctl retry {retried}" in absent["next_step"]
    assert not given_up["asked"]
    assert f"esimctl cancel {cancelled}" in given_up["next_step"]
    decided = "SELECT count(*) FROM provider_intents WHERE state = 'RESOLVED'"
    assert await value(engine, decided) == 2
