"""A code is in its own columns and its owner's answer, and nowhere else."""

import pytest

from tests.e2e.conftest import CANARY_CONFIRMATION, CANARY_STOCK
from tests.e2e.stack import Customer, Stack
from tests.e2e.test_activation import _bare_plan
from tests.e2e.traces import check_files
from tests.partners.connected_you import API_KEY, INSTRUCTIONS, MATCHING_ID
from tests.rows import run, value

pytestmark = pytest.mark.stack

CANARIES = (CANARY_STOCK, CANARY_CONFIRMATION, MATCHING_ID, INSTRUCTIONS, API_KEY)


async def test_canary_codes_appear_in_no_history_log_or_event(
    stack: Stack, customer: Customer
) -> None:
    """From stock and from a provider's reply: grep Temporal's file, every log and the trail."""
    stocked, bare = await _bare_plan(stack), await _bare_plan(stack)
    await run(
        stack.engine,
        "INSERT INTO esim_inventory (plan_id, activation_code, confirmation_code)"
        " VALUES (:plan, :code, :confirmation)",
        plan=stocked,
        code=f"1$smdp.example.com${CANARY_STOCK}$$1",
        confirmation=CANARY_CONFIRMATION,
    )
    shown = [
        (await customer.activate(await customer.buy(plan_id))).text for plan_id in (stocked, bare)
    ]
    assert CANARY_STOCK in shown[0]
    assert CANARY_CONFIRMATION in shown[0]
    assert MATCHING_ID in shown[1]

    check_files(stack, CANARIES)
    for table in ("esim_provisioning_events", "provider_intents"):
        found = f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%' || :canary || '%'"
        for canary in CANARIES:
            assert await value(stack.engine, found, canary=canary) == 0
