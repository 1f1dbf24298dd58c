"""`esimctl status`: an order's story and the next step, in words and as JSON, without codes."""

import json
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import events
from domain.audit import EventKind, Origin
from domain.profile_states import ProfileStatus
from tests.cli.esimctl.conftest import Esimctl
from tests.cli.esimctl.profile_states import order_in
from tests.cli.esimctl.stock_rows import CANARY, iccid
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
    ProfileStatus.NEEDS_REVIEW: "Ask the provider whether the purchase was booked",
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


async def test_an_open_purchase_is_named_for_review(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """Whoever asks the provider needs the reference; it shows while the outcome is open."""
    order_id = await order_in(engine, ProfileStatus.NEEDS_REVIEW)
    await run(
        engine,
        "INSERT INTO provider_intents (order_id, provider, reference, state, request)"
        " VALUES (:order, 'CONNECTED_YOU', 'order-7', 'UNKNOWN', '{}')",
        order=order_id,
    )
    assert "order-7 at CONNECTED_YOU: unknown, not settled" in esimctl("status", order_id).out


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
