"""`esimctl cancel` takes up a purchase whose run was terminated after the order had ended."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.profile import ProfileStatus
from domain.purchase import PurchaseState
from tests.cli.conftest import Esimctl, Ran
from tests.cli.profile_states import order_in
from tests.doubts import in_doubt, not_given_back
from tests.rows import rows
from tests.workflows.conftest import Watch, activations, watch
from workflows.client import Activations

__all__ = ["activations", "watch"]  # as in tests/workflows

pytestmark = pytest.mark.usefixtures("stocked", "catalogue", "reachable")

OVER = (ProfileStatus.CANCELLED, ProfileStatus.ACTIVATED)


async def cancel(esimctl: Esimctl, order_id: int) -> Ran:
    """Run it while the worker of this process goes on."""
    return await asyncio.to_thread(esimctl, "cancel", order_id, "--reason", "terminated by mistake")


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("status", OVER)
@pytest.mark.parametrize(
    ("left", "becomes", "is_returned"),
    [
        (PurchaseState.ACCEPTED, "CONFIRMED", True),
        (PurchaseState.SENT, "UNKNOWN", False),
        (PurchaseState.INTENDED, "REFUSED", False),
    ],
)
async def test_an_open_purchase_of_an_ended_order_is_settled(
    esimctl: Esimctl,
    watch: Watch,
    engine: AsyncEngine,
    status: ProfileStatus,
    left: PurchaseState,
    becomes: str,
    is_returned: bool,
) -> None:
    """Looked up, given back or given to a person; the order and the customer's eSIM stay."""
    order_id = await order_in(engine, status)
    before = await rows(engine, "SELECT * FROM esim_profiles")
    await in_doubt(engine, order_id, provider="LOCAL", state=left)
    done = await cancel(esimctl, order_id)
    said = f"the eSIM stays {status}; its purchase at LOCAL is being settled."
    assert (done.code, done.out) == (0, f"Order {order_id}: {said}\n")
    assert await watch.ended(order_id) == status
    [intent] = await rows(engine, "SELECT state, returned_at FROM provider_intents")
    assert (intent["state"], intent["returned_at"] is not None) == (becomes, is_returned)
    assert await rows(engine, "SELECT * FROM esim_profiles") == before


@pytest.mark.usefixtures("worker")
async def test_what_was_bought_and_not_given_back_yet_is_given_back(
    esimctl: Esimctl, watch: Watch, engine: AsyncEngine
) -> None:
    """Its purchase is confirmed and out of use: no more open, and not settled either."""
    order_id = await order_in(engine, ProfileStatus.CANCELLED)
    await not_given_back(engine, order_id, provider="LOCAL")
    done = await cancel(esimctl, order_id)
    assert "its purchase at LOCAL is being settled." in done.out
    assert await watch.ended(order_id) == ProfileStatus.CANCELLED
    [intent] = await rows(engine, "SELECT state, returned_at FROM provider_intents")
    assert intent["state"] == "CONFIRMED"
    assert intent["returned_at"] is not None


@pytest.mark.usefixtures("worker")
async def test_what_a_finished_run_left_is_said_to_be_a_person_s(
    esimctl: Esimctl, watch: Watch, activations: Activations, engine: AsyncEngine
) -> None:
    """Nothing is started for it: the answer names the command that shows it."""
    order_id = await order_in(engine, ProfileStatus.ACTIVATED)
    await activations.start(order_id)
    assert await watch.ended(order_id) == ProfileStatus.ACTIVATED
    await in_doubt(engine, order_id, provider="LOCAL")
    failed = await cancel(esimctl, order_id)
    assert (failed.code, failed.out) == (1, "")
    assert f"left to a person: esimctl status {order_id}" in failed.err
