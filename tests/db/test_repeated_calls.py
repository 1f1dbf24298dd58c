"""A name that two purchases have proves nothing of either."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import repeated_calls
from db.engine import transaction
from domain.purchase import PurchaseState
from tests.intents import PROVIDER, in_state
from tests.notices import bought_item, purchase
from tests.rows import paid_order, run

pytestmark = pytest.mark.usefixtures("catalogue")


@pytest.mark.parametrize(
    ("state", "item", "alone"),
    [
        ("ACCEPTED", None, False),
        ("UNKNOWN", None, False),
        ("CONFIRMED", "ASSIGNED", False),
        ("CONFIRMED", "RETIRED", True),
        ("REFUSED", None, True),
    ],
)
async def test_a_name_is_alone_unless_another_purchase_may_live_by_it(
    engine: AsyncEngine, state: str, item: str | None, alone: bool
) -> None:
    """Open, or with a customer; what was retired, or never sold, has no use for its name."""
    ours = await in_state(engine, PurchaseState.ACCEPTED)
    other = await paid_order(engine)
    item_id = None
    if item:
        item_id = await bought_item(engine, other, "8934000000000000001", PROVIDER)
        await run(engine, "UPDATE esim_inventory SET status = :item, retired_at = now()", item=item)
    await purchase(
        engine, other, provider=PROVIDER, state=state, provider_order_id="P-1", item_id=item_id
    )
    await purchase(engine, await paid_order(engine), provider="ANOTHER", provider_order_id="P-1")
    async with transaction(engine) as connection:
        assert await repeated_calls.is_named_alone(connection, ours) is alone
