"""`esimctl reviews` and `esimctl review`: what a person decides by, without codes."""

import json

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.profile import ProfileStatus
from tests.cli.conftest import Esimctl
from tests.cli.profile_states import order_in
from tests.doubts import CANARY, RAW, in_doubt, long_story, quarantined, under_review
from tests.rows import paid_order, rows, value

pytestmark = pytest.mark.usefixtures("stocked", "catalogue")


async def test_reviews_are_listed_newest_first(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """With provider, reference and what happened; by provider; a cut list says so."""
    first, second = await under_review(engine), await under_review(engine)
    elsewhere = await under_review(engine, provider="AIRALO")
    shown = esimctl("reviews")
    assert (shown.code, shown.err) == (0, "")
    assert f"order-{first}" in shown.out
    assert "The partner did not answer in time." in shown.out
    assert esimctl("reviews", "--ids").out.split() == [str(elsewhere), str(second), str(first)]
    assert esimctl("reviews", "--ids", "--provider", "AIRALO").out.split() == [str(elsewhere)]
    cut = esimctl("reviews", "--ids", "--limit", 1)
    assert cut.out.split() == [str(elsewhere)]
    assert "--limit" in cut.err


async def test_a_review_shows_all_there_is_to_decide_by(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """Sent, came back, quarantine without its text, and each choice with what it does."""
    order_id = await under_review(engine)
    reply_id = await quarantined(engine, order_id)
    shown = esimctl("review", order_id)
    assert (shown.code, shown.err) == (0, "")
    assert CANARY not in shown.out
    for piece in (
        f"order-{order_id} at CONNECTED_YOU: unknown, not settled",
        f'{{"orderReference": "order-{order_id}"}}',
        '{"status": 504}',
        f"reply {reply_id}, {len(RAW)} characters: It names another order.",
        f"esimctl resolve {order_id} --absent",
        "that is a second charge",
        "Something came back",
        "Customer:       user 1",
    ):
        assert piece in shown.out
    report = json.loads(esimctl("review", order_id, "--json").out)
    assert (report["order_id"], report["state"]) == (order_id, "unknown")
    assert [reply["id"] for reply in report["replies"]] == [reply_id]
    assert CANARY not in json.dumps(report)


async def test_a_purchase_that_is_looked_into_by_itself_says_so(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """Who decides it need not, and there is nothing in quarantine to warn of."""
    order_id = await order_in(engine, ProfileStatus.PENDING_ACTIVATION)
    await in_doubt(engine, order_id)
    shown = esimctl("review", order_id).out
    assert "it is looked into by itself" in shown
    assert "Something came back" not in shown


async def test_a_review_after_a_long_story_shows_its_end(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """What led to the doubt is what happened last; what is left out is said."""
    order_id = await under_review(engine)
    await long_story(engine, order_id, events=502)
    report = json.loads(esimctl("review", order_id, "--json").out)
    assert report["timeline"][-1]["payload"] == {"round": 502}
    assert (len(report["timeline"]), report["earlier_events"]) == (500, 2)
    assert "2 earlier events are not shown" in esimctl("review", order_id).out


async def test_a_raw_reply_goes_to_stdout_and_on_record(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """Nothing but the reply is printed; the trail names who read it."""
    order_id = await under_review(engine)
    reply_id = await quarantined(engine, order_id)
    shown = esimctl("review", order_id, "--show-reply", reply_id, "--actor", "Grace")
    assert (shown.code, shown.out, shown.err) == (0, f"{RAW}\n", "")
    [event] = await rows(engine, "SELECT kind, actor, payload FROM esim_provisioning_events")
    assert (event["kind"], event["actor"]) == ("reply_shown", "Grace")
    assert event["payload"] == {"reply_id": reply_id}


async def test_what_is_not_there_is_one_line_with_a_next_step(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """An order without a review, a reply of another order, a blank actor."""
    order_id, other = await under_review(engine), await under_review(engine)
    reply_id = await quarantined(engine, other)
    never = await paid_order(engine)
    failures = {
        ("review", never): f"esimctl status {never}",
        ("review", order_id, "--show-reply", reply_id): f"esimctl review {order_id}",
        ("review", other, "--show-reply", reply_id, "--actor", " "): "--actor",
        ("reviews", "--provider", "nobody"): "CONNECTED_YOU",
    }
    for arguments, hint in failures.items():
        failed = esimctl(*arguments)
        assert (failed.code, failed.out) == (1, "")
        assert len(failed.err.splitlines()) == 1
        assert hint in failed.err
    assert await value(engine, "SELECT count(*) FROM esim_provisioning_events") == 0
