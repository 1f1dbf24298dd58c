"""`esimctl status`: an order's story and the next step, in words and as JSON, without codes."""

import json
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import events
from domain.event import EventKind, Origin
from domain.profile import ProfileStatus
from domain.purchase import PurchaseState, Resolution
from operations import reviews
from operations.reviews import Decision
from tests.cli.conftest import Esimctl
from tests.cli.profile_states import order_in
from tests.cli.stock_rows import CANARY, iccid
from tests.doubts import in_doubt, long_story
from tests.rows import paid_order, run

pytestmark = pytest.mark.usefixtures("stocked", "catalogue")

NEXT_STEPS = {
    ProfileStatus.PENDING_ACTIVATION: "it is under way",
    ProfileStatus.RESERVED: "it is under way",
    ProfileStatus.ASSIGNED: "the customer can have the eSIM",
    ProfileStatus.ACTIVATED: "the customer has the eSIM",
    ProfileStatus.EXPIRED: "the eSIM has ended",
    ProfileStatus.PROVISIONING_FAILED: 'esimctl retry {order} --reason "..."',
    ProfileStatus.EXHAUSTED: "esimctl import-stock FILE.csv",
    ProfileStatus.NEEDS_REVIEW: "no purchase is in doubt any more",
    ProfileStatus.CANCELLED: "a cancelled activation never starts again",
}


def as_json(esimctl: Esimctl, order_id: int) -> dict[str, Any]:
    """What `--json` says."""
    shown = esimctl("status", order_id, "--json")
    assert (shown.code, shown.err) == (0, "")
    assert CANARY not in shown.out
    report: dict[str, Any] = json.loads(shown.out)
    return report


@pytest.mark.parametrize("status", ProfileStatus)
async def test_each_state_shows_with_its_next_step(
    esimctl: Esimctl, engine: AsyncEngine, status: ProfileStatus
) -> None:
    """State, reason and next step are there, and no code is, though the profile holds one."""
    order_id = await order_in(engine, status)
    shown = esimctl("status", order_id)
    assert (shown.code, shown.err) == (0, "")
    assert CANARY not in shown.out
    assert f"eSIM:          {status}" in shown.out
    assert NEXT_STEPS[status].format(order=order_id) in shown.out
    if NEXT_STEPS[status].startswith("the customer"):
        assert iccid(order_id) in shown.out


async def test_the_timeline_tells_who_did_what(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """Each event shows with its change, actor and error, oldest first; JSON has the same."""
    order_id = await order_in(engine, ProfileStatus.EXHAUSTED)
    async with engine.begin() as connection:
        await events.append(
            connection, order_id, EventKind.ACTIVATION_STARTED, Origin("customer:1")
        )
        await events.append(
            connection,
            order_id,
            EventKind.PARKED,
            Origin("worker", attempt=2),
            edge=(ProfileStatus.PENDING_ACTIVATION, ProfileStatus.EXHAUSTED),
            error_code="provider-out-of-stock",
            error="LOCAL has none left.",
        )
    shown = esimctl("status", order_id).out
    assert shown.index("activation_started") < shown.index("parked")
    assert "pending_activation → exhausted" in shown
    assert "LOCAL has none left." in shown
    report = as_json(esimctl, order_id)
    assert [event["kind"] for event in report["timeline"]] == ["activation_started", "parked"]
    assert report["timeline"][1]["actor"] == "worker"
    assert report["failure_reason"] == "The test wants it."


async def test_a_long_story_shows_its_end_and_says_what_is_missing(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """Days of rounds: what happened last is there, in order, and how much came before it."""
    order_id = await order_in(engine, ProfileStatus.PENDING_ACTIVATION)
    await long_story(engine, order_id, events=503)
    report = as_json(esimctl, order_id)
    rounds = [event["payload"]["round"] for event in report["timeline"]]
    assert rounds == list(range(4, 504))
    assert report["earlier_events"] == 3
    assert "3 earlier events are not shown" in esimctl("status", order_id).out


async def test_a_purchase_in_doubt_shows_in_full(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """Whoever asks the provider needs the reference, the times and what came back."""
    order_id = await order_in(engine, ProfileStatus.NEEDS_REVIEW)
    await in_doubt(engine, order_id)
    shown = esimctl("status", order_id).out
    assert f"order-{order_id} at CONNECTED_YOU: unknown, not settled" in shown
    assert "provider-outcome-unknown The partner did not answer in time." in shown
    assert "begun 20" in shown
    assert f"esimctl resolve {order_id} --exists" in shown
    report = as_json(esimctl, order_id)
    assert report["open_purchase"] == report["purchases"][0]
    assert (report["open_purchase"]["state"], report["open_purchase"]["attempts"]) == ("unknown", 2)


async def test_a_decided_purchase_says_by_whom_beside_a_later_one(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """Every purchase of the order shows, oldest first; the accepted one is still open."""
    order_id = await order_in(engine, ProfileStatus.PENDING_ACTIVATION)
    await in_doubt(engine, order_id)
    decision = Decision(Resolution.ABSENT, "ana", "not booked")
    await reviews.decide(engine, order_id, decision, enabling=())
    await in_doubt(engine, order_id, state=PurchaseState.ACCEPTED)
    shown = esimctl("status", order_id).out
    assert "CONNECTED_YOU: resolved as absent by ana: not booked" in shown
    assert "at CONNECTED_YOU, there P-1: accepted, not settled" in shown
    states = [purchase["state"] for purchase in as_json(esimctl, order_id)["purchases"]]
    assert states == ["resolved", "accepted"]
    assert "has accepted the order" in as_json(esimctl, order_id)["next_step"]


async def test_a_purchase_that_never_left_is_not_called_refused(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """Nobody was asked, so nobody has refused; one that was sent was refused."""
    order_id = await order_in(engine, ProfileStatus.PENDING_ACTIVATION)
    await in_doubt(engine, order_id, state=PurchaseState.REFUSED)
    assert f"order-{order_id} at CONNECTED_YOU: never sent" in esimctl("status", order_id).out
    await run(engine, "UPDATE provider_intents SET sent_at = now()")
    assert f"order-{order_id} at CONNECTED_YOU: refused" in esimctl("status", order_id).out


async def test_an_order_that_a_paused_provider_holds_names_the_way_out(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """It is the provider that must be let go, not the order."""
    order_id = await order_in(engine, ProfileStatus.PENDING_ACTIVATION)
    await run(engine, "UPDATE esim_profiles SET failure_code = 'provider-held', started_at = now()")
    assert "esimctl resume NAME" in as_json(esimctl, order_id)["next_step"]


@pytest.mark.parametrize("status", [ProfileStatus.ACTIVATED, ProfileStatus.CANCELLED])
async def test_a_doubt_outlives_the_order(
    esimctl: Esimctl, engine: AsyncEngine, status: ProfileStatus
) -> None:
    """The order is served or over, and money may have moved all the same: decide."""
    order_id = await order_in(engine, status)
    await in_doubt(engine, order_id)
    step = as_json(esimctl, order_id)["next_step"]
    assert f"esimctl review {order_id}" in step
    assert ("bought again" in step) is (status is not ProfileStatus.CANCELLED)


@pytest.mark.parametrize("status", [ProfileStatus.ACTIVATED, ProfileStatus.CANCELLED])
async def test_an_ended_order_whose_purchase_is_open_names_what_takes_it_up(
    esimctl: Esimctl, engine: AsyncEngine, status: ProfileStatus
) -> None:
    """Its run settles it; if that was terminated, a cancel starts one that does."""
    order_id = await order_in(engine, status)
    await in_doubt(engine, order_id, state=PurchaseState.ACCEPTED)
    step = as_json(esimctl, order_id)["next_step"]
    assert "still being settled" in step
    assert f"esimctl cancel {order_id}" in step


async def test_an_unpaid_order_waits_for_its_payment(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """The next step is not a retry."""
    order_id = await paid_order(engine, status="CREATED")
    assert "only a paid one is activated" in as_json(esimctl, order_id)["next_step"]


async def test_an_order_without_a_profile_is_explained(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """Orders written by hand have none until they are activated."""
    order_id = await paid_order(engine)
    await run(engine, "DELETE FROM esim_profiles")
    assert "POST /api/esims/activate" in esimctl("status", order_id).out


def test_an_unknown_order_is_one_line(esimctl: Esimctl) -> None:
    """Exit code 1 and a sentence."""
    failed = esimctl("status", 4711)
    assert (failed.code, failed.out) == (1, "")
    assert failed.err == "Error: There is no order 4711. Orders: esimctl list\n"


async def test_without_temporal_the_rest_still_shows(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """What only Temporal knows is said to be unknown; exit code 0."""
    order_id = await order_in(engine, ProfileStatus.EXHAUSTED)
    assert as_json(esimctl, order_id)["workflow"]["unknown"].startswith("Temporal")
