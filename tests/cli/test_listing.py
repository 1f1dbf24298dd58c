"""`esimctl list`: activations by state, newest first."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.profile import ProfileStatus
from operations.waking import WAITING_AT_MOST
from tests.cli.conftest import Esimctl
from tests.cli.profile_states import order_in
from tests.cli.stock_rows import CANARY
from tests.doubts import under_review

pytestmark = pytest.mark.usefixtures("stocked", "catalogue")


@pytest.fixture
async def orders(engine: AsyncEngine) -> dict[ProfileStatus, int]:
    """One order in each state."""
    return {status: await order_in(engine, status) for status in ProfileStatus}


def test_all_states_show_newest_first_without_codes(
    esimctl: Esimctl, orders: dict[ProfileStatus, int]
) -> None:
    """Without a filter everything is listed."""
    shown = esimctl("list")
    assert (shown.code, shown.err) == (0, "")
    assert CANARY not in shown.out
    assert all(status in shown.out for status in orders)
    only_ids = esimctl("list", "--ids")
    assert only_ids.out.split() == [str(order_id) for order_id in reversed(orders.values())]


def test_states_are_chosen_in_either_case(
    esimctl: Esimctl, orders: dict[ProfileStatus, int]
) -> None:
    """As SQL or as JSON spells them, several at once; an unknown one is a usage error."""
    shown = esimctl("list", "--ids", "--status", "EXHAUSTED", "--status", "cancelled")
    chosen = (ProfileStatus.CANCELLED, ProfileStatus.EXHAUSTED)
    assert shown.out.split() == [str(orders[status]) for status in chosen]
    assert esimctl("list", "--status", "lost").code == 2


@pytest.mark.parametrize("command", ["list", "reviews"])
async def test_ids_alone_are_as_many_as_are_waked_in_one_go(
    esimctl: Esimctl, engine: AsyncEngine, command: str
) -> None:
    """They are for the next command; a page for the eye is shorter; more than that is refused."""
    waiting = [await under_review(engine) for _ in range(51)]
    assert len(esimctl(command, "--ids").out.split()) == len(waiting)
    assert "The newest 50" in esimctl(command).err
    assert esimctl(command, "--limit", WAITING_AT_MOST).code == 0
    assert esimctl(command, "--limit", WAITING_AT_MOST + 1).code == 2


def test_a_cut_list_says_so(esimctl: Esimctl, orders: dict[ProfileStatus, int]) -> None:
    """With more than `--limit`, the newest are shown, and stderr tells."""
    shown = esimctl("list", "--limit", 2)
    assert str(max(orders.values())) in shown.out
    assert str(min(orders.values())) not in shown.out
    assert "--limit" in shown.err
