"""A code is in its own columns and its owner's answer, and nowhere else."""

from tests.e2e.conftest import CANARY_STOCK
from tests.e2e.stack import Customer, Stack
from tests.e2e.test_activation import _bare_plan
from tests.providers.partner_server import API_KEY, INSTRUCTIONS, MATCHING_ID
from tests.rows import run, value

CANARIES = (CANARY_STOCK, MATCHING_ID, INSTRUCTIONS, API_KEY)


async def test_canary_codes_appear_in_no_history_log_or_event(
    stack: Stack, customer: Customer
) -> None:
    """From stock and from a provider's reply: grep Temporal's file, every log and the trail."""
    stocked, bare = await _bare_plan(stack), await _bare_plan(stack)
    await run(
        stack.engine,
        "INSERT INTO esim_inventory (plan_id, activation_code) VALUES (:plan, :code)",
        plan=stocked,
        code=f"1$smdp.example.com${CANARY_STOCK}",
    )
    shown = [
        (await customer.activate(await customer.buy(plan_id))).text for plan_id in (stocked, bare)
    ]
    assert CANARY_STOCK in shown[0]
    assert MATCHING_ID in shown[1]

    files = [path for path in stack.folder.rglob("*") if path.is_file() and _is_trace(path.name)]
    assert any("temporal" in path.name for path in files)
    assert any(path.suffix == ".log" for path in files)
    for path in files:
        content = path.read_bytes()
        assert [one for one in CANARIES if one.encode() in content] == [], path
    for table in ("esim_provisioning_events", "provider_intents"):
        found = f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%' || :canary || '%'"
        for canary in CANARIES:
            assert await value(stack.engine, found, canary=canary) == 0


def _is_trace(name: str) -> bool:
    return name.endswith(".log") or name.startswith("temporal.db")
