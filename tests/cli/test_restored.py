"""`esimctl restored`: what it says of what it has put right."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.profile import ProfileStatus
from tests.cli.conftest import Esimctl
from tests.cli.profile_states import order_in
from tests.rows import value

pytestmark = pytest.mark.usefixtures("stocked", "catalogue", "reachable", "worker")


async def test_it_begins_what_was_under_way_and_says_so(
    engine: AsyncEngine, esimctl: Esimctl
) -> None:
    """An order without a run is begun anew; one that is over is left alone; ids go on."""
    order_id = await order_in(engine, ProfileStatus.PENDING_ACTIVATION)
    await order_in(engine, ProfileStatus.ACTIVATED)
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")[:19]
    ran = esimctl("restored", "--since", since, "--reason", "the disk was lost")
    assert ran.code == 0, ran.err
    assert f"1 order was begun anew: {order_id}" in ran.out
    query = "SELECT restored_at IS NOT NULL FROM esim_profiles WHERE order_id = :id"
    assert await value(engine, query, id=order_id)
    assert await value(engine, "SELECT nextval('orders_id_seq')") > 1_000_000
