"""A purchase that is asked about or sent again is the purchase that was sent."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from sandbox.misbehaviours import Misbehaviour
from sandbox.sandbox import Sandbox
from tests.purchases.conftest import Driver, sell
from tests.purchases.shops import SHOPS, Shop
from tests.rows import paid_order, run, value

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

ECHOING = [shop for shop in SHOPS if shop.name in {"AIRALO lookup", "ESIM_ACCESS lookup"}]


@pytest.fixture(params=ECHOING, ids=lambda shop: shop.name)
def shop(request: pytest.FixtureRequest) -> Shop:
    """Those whose look-up tells which plan was bought."""
    found: Shop = request.param
    return found


async def test_a_plan_code_that_was_changed_meanwhile_changes_nothing(
    engine: AsyncEngine, sandbox: Sandbox, driver: Driver, shop: Shop
) -> None:
    """The customer gets what was booked under the old code; one charge, and nobody is asked."""
    await sell(engine, shop.provider, "ES-OLD")
    order_id = await paid_order(engine)
    # Booked, and the answer held back: only a purchase that never left is free to begin anew.
    sandbox.rule(shop.provider, Misbehaviour.TIMEOUT_AFTER_BOOKING)
    await driver.start(order_id)
    await sandbox.wait_until(sandbox.net_charges)
    await run(engine, "UPDATE plan_codes SET plan_code = 'ES-NEW'")
    await driver.see_through(order_id)
    assert (await driver.profile(order_id))["status"] == "ACTIVATED"
    [charge] = sandbox.net_charges()
    assert charge.plan_code == "ES-OLD"
    assert await value(engine, "SELECT count(*) FROM quarantined_replies") == 0
