"""What was paid for is kept whatever Postgres says of it: as an item, or in quarantine."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs
from temporalio.testing import ActivityEnvironment

from activities.pause_points import PausePoints
from activities.purchase.gate import ProviderGate
from activities.purchase.keep import BoughtItems
from activities.purchase.question import Outcome, Question, Reply
from activities.purchase.record import PurchaseRecord
from db import purchases
from db.engine import transaction
from db.purchases import Purchase
from domain.errors import (
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderReplyUnusable,
)
from domain.gate import SpendLimits
from domain.profile import ProfileStatus
from domain.provider import ProvisionedEsim
from domain.purchase import Asked, PurchaseState, Then
from providers.local import LocalProvider
from tests.cli.profile_states import order_in
from tests.doubts import CODE, ICCID, PROVIDER, RAW, in_doubt
from tests.rows import rows, run, value

pytestmark = pytest.mark.usefixtures("catalogue")


async def _keep(engine: AsyncEngine, order_id: int, **changes: Any) -> Outcome:
    """A purchase of the order that has left and is answered now."""
    await in_doubt(engine, order_id, state=PurchaseState.SENT)
    purchase = await _open(engine, order_id)
    sold: dict[str, Any] = {
        "reference": purchase.reference,
        "iccid": ICCID,
        "activation_code": CODE,
        "qr_payload": f"LPA:{CODE}",
        "reply": {"status": 200},
        "raw": RAW,
    }
    reply = Reply(ProvisionedEsim(**(sold | changes)))
    return await _conclude(engine, Question(purchase, Asked.SENT), reply)


async def _open(engine: AsyncEngine, order_id: int) -> Purchase:
    async with transaction(engine) as connection:
        purchase = await purchases.open_for(connection, order_id)
    assert purchase is not None
    return purchase


async def _conclude(engine: AsyncEngine, question: Question, reply: Reply) -> Outcome:
    gate = ProviderGate(engine, SpendLimits())
    items = BoughtItems(engine, frozenset({PROVIDER}))
    record = PurchaseRecord(engine, PausePoints(), gate, items)
    outcome: Outcome = await ActivityEnvironment().run(
        record.conclude, question, LocalProvider(), reply
    )
    return outcome


async def _intent(engine: AsyncEngine, order_id: int) -> dict[str, Any]:
    [found] = await rows(engine, "SELECT * FROM provider_intents WHERE order_id = :id", id=order_id)
    return dict(found)


@pytest.mark.parametrize(
    "refused",
    [
        {"confirmation_code": "4711\0"},
        {"confirmation_code": "4711\ud800"},
        {"activation_code": "A" * 256},
        {"iccid": "89AB"},
    ],
    ids=["NUL", "lone surrogate", "too long", "no ICCID"],
)
async def test_a_reply_that_postgres_refuses_goes_to_quarantine(
    engine: AsyncEngine, refused: dict[str, Any]
) -> None:
    """Not delivered and not lost: a person finds it in the reviews, as it came."""
    order_id = await order_in(engine, ProfileStatus.PENDING_ACTIVATION)
    with capture_logs() as log:
        outcome = await _keep(engine, order_id, **refused)
    assert outcome.then is Then.A_PERSON
    assert "4711" not in str(outcome)
    [line] = [line for line in log if line["event"] == "provider_call_failed"]
    assert (line["log_level"], line["in_doubt"]) == ("error", True)
    assert "cannot be stored" in line["reason"]
    intent = await _intent(engine, order_id)
    assert (intent["state"], intent["error_code"]) == ("UNKNOWN", "provider-reply-unusable")
    [kept] = await rows(engine, "SELECT * FROM quarantined_replies")
    assert (kept["intent_id"], kept["raw"]) == (intent["id"], RAW)
    assert await value(engine, "SELECT count(*) FROM esim_inventory") == 0


async def test_a_code_that_is_in_stock_in_another_spelling_goes_to_quarantine(
    engine: AsyncEngine,
) -> None:
    """Stock without an ICCID and the provider's LPA string are one code, for one customer."""
    await run(engine, "INSERT INTO esim_inventory (activation_code) VALUES (:code)", code=CODE)
    order_id = await order_in(engine, ProfileStatus.PENDING_ACTIVATION)
    outcome = await _keep(engine, order_id, activation_code=f"LPA:{CODE}")
    assert outcome.then is Then.A_PERSON
    assert (await _intent(engine, order_id))["state"] == "UNKNOWN"
    assert await value(engine, "SELECT raw FROM quarantined_replies") == RAW
    assert await value(engine, "SELECT count(*) FROM esim_inventory") == 1


async def test_a_late_purchase_is_kept_beside_an_item_that_was_retired_by_hand(
    engine: AsyncEngine,
) -> None:
    """The order was served: its own item stays its own, and the other one goes to stock."""
    order_id = await order_in(engine, ProfileStatus.ACTIVATED)
    for status in ("ASSIGNED", "RETIRED"):
        move = f"status = '{status}', {status.lower()}_at = now()"
        await run(engine, f"UPDATE esim_inventory SET {move} WHERE order_id = :id", id=order_id)
    outcome = await _keep(engine, order_id)
    assert (outcome.then, outcome.item_id) == (Then.KEEP, None)
    [item] = await rows(engine, "SELECT * FROM esim_inventory WHERE activation_code = :c", c=CODE)
    assert (item["status"], item["order_id"]) == ("AVAILABLE", None)
    assert item["metadata"] == {"bought_for_order": order_id}
    intent = await _intent(engine, order_id)
    assert (intent["state"], intent["inventory_item_id"]) == ("CONFIRMED", item["id"])


SOLD = ProviderReplyUnusable("It sold none that can be used.", raw=RAW, reply={"status": 200})
LOST = ProviderOutcomeUnknown("It did not answer.", reply={"status": 500})
NO = ProviderRefused("It refuses the look-up.", reply={"status": 404})


@pytest.mark.parametrize(
    ("found", "headline"),
    [((SOLD, NO), SOLD), ((SOLD, LOST, NO), SOLD), ((LOST, NO), LOST), ((NO, SOLD), SOLD)],
    ids=["sold, refused", "sold, lost, refused", "lost, refused", "refused, sold"],
)
async def test_a_review_s_headline_is_its_weightiest_finding(
    engine: AsyncEngine, found: tuple[ProviderError, ...], headline: ProviderError
) -> None:
    """With its reply, whatever a look-up says later: that stands in the trail."""
    order_id = await order_in(engine, ProfileStatus.PENDING_ACTIVATION)
    await in_doubt(engine, order_id, state=PurchaseState.SENT)
    await run(engine, "UPDATE provider_intents SET error_code = NULL, error = NULL, reply = NULL")
    asked = Asked.SENT
    for error in found:
        question = Question(await _open(engine, order_id), asked, again=True)
        await _conclude(engine, question, Reply(error=error))
        asked = Asked.LOOKED_UP
    intent = await _intent(engine, order_id)
    shown = (intent["state"], intent["error_code"], intent["error"], intent["reply"])
    assert shown == ("UNKNOWN", headline.code, headline.message, headline.reply)
    told = await rows(engine, "SELECT error FROM esim_provisioning_events WHERE error IS NOT NULL")
    assert [event["error"] for event in told] == [error.message for error in found]
