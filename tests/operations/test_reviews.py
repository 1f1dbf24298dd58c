"""Decisions on purchases in doubt: one transaction each, once, with the code nowhere else."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from db.locks import PurchaseLock
from domain.codes import SoldCode, sold_code
from domain.errors import (
    DuplicateStock,
    EsimError,
    InvalidInput,
    NotInReview,
    OrderNotFound,
    PurchaseUnderWay,
)
from domain.profile import ProfileStatus
from domain.purchase import PurchaseState, Resolution
from domain.review import FollowUp
from domain.stock import StockStatus
from operations import reviews
from operations.reviews import Decided, Decision
from tests.cli.profile_states import order_in
from tests.doubts import CANARY, CODE, ICCID, in_doubt, under_review
from tests.rows import paid_order, rows, run, stock_item, value
from tests.workflows.conftest import activations
from workflows.client import Activations

__all__ = ["activations"]  # as in tests/workflows

pytestmark = pytest.mark.usefixtures("catalogue")

SERVED = (ProfileStatus.RESERVED, ProfileStatus.ASSIGNED, ProfileStatus.ACTIVATED)
OVER = (ProfileStatus.CANCELLED, ProfileStatus.EXPIRED)
WAITING = tuple(status for status in ProfileStatus if status not in SERVED + OVER)


async def decide(
    engine: AsyncEngine,
    order_id: int,
    resolution: Resolution,
    sold: SoldCode | None = None,
    **words: Any,
) -> Decided:
    """Ana decides."""
    said = {"actor": "ana", "reason": "The partner says so."} | words
    decision = Decision(resolution, sold=sold, **said)
    return await reviews.decide(engine, order_id, decision, enabling={"ES2PLUS"})


async def intent_of(engine: AsyncEngine, order_id: int) -> dict[str, Any]:
    """The order's purchase as it is now."""
    [found] = await rows(engine, "SELECT * FROM provider_intents WHERE order_id = :id", id=order_id)
    return dict(found)


async def trail(engine: AsyncEngine, order_id: int) -> list[dict[str, Any]]:
    """The order's events."""
    found = await rows(
        engine,
        "SELECT kind, actor, payload FROM esim_provisioning_events WHERE order_id = :id"
        " ORDER BY id",
        id=order_id,
    )
    return [dict(event) for event in found]


async def test_a_reason_that_quotes_what_was_sold_holds_no_code(engine: AsyncEngine) -> None:
    """The matching id that is brought, in the purchase, in the event and in what is said of it."""
    order_id = await order_in(engine, ProfileStatus.NEEDS_REVIEW)
    await in_doubt(engine, order_id)
    sold = sold_code("LPA:1$smdp.example.com$QX-7F3K", confirmation_code="4711")
    reason = "They say it is qx-7f3k with 4711."
    decided = await decide(engine, order_id, Resolution.EXISTS, sold, reason=reason)
    kept = "They say it is [code withheld] with [code withheld]."
    assert decided.reason == (await intent_of(engine, order_id))["resolved_reason"] == kept
    assert kept in str(await trail(engine, order_id))


@pytest.mark.parametrize("status", WAITING)
async def test_a_purchase_that_exists_holds_its_code_for_a_waiting_order(
    engine: AsyncEngine, status: ProfileStatus
) -> None:
    """The item is reserved with provider and reference; the activation is to go on."""
    order_id = await order_in(engine, status)
    await in_doubt(engine, order_id)
    decided = await decide(
        engine, order_id, Resolution.EXISTS, sold_code(CODE, ICCID), provider_order_id="P-7"
    )
    assert decided.item_status is StockStatus.RESERVED
    assert decided.follow_up is FollowUp.RETRY
    [item] = await rows(engine, "SELECT * FROM esim_inventory")
    assert (item["id"], item["status"], item["order_id"]) == (decided.item_id, "RESERVED", order_id)
    assert (item["provider"], item["provider_reference"]) == ("CONNECTED_YOU", f"order-{order_id}")
    assert (item["activation_code"], item["qr_payload"]) == (CODE, f"LPA:{CODE}")
    assert item["iccid"] == ICCID
    intent = await intent_of(engine, order_id)
    assert (intent["state"], intent["resolution"]) == ("RESOLVED", "EXISTS")
    assert (intent["resolved_by"], intent["resolved_reason"]) == ("ana", "The partner says so.")
    assert (intent["inventory_item_id"], intent["provider_order_id"]) == (item["id"], "P-7")
    assert intent["closed_at"] is not None


@pytest.mark.parametrize("status", SERVED + OVER)
async def test_a_code_that_comes_too_late_is_kept_out_of_use(
    engine: AsyncEngine, status: ProfileStatus
) -> None:
    """The order's own item stays as it is; the other names its order, and nobody gets it."""
    order_id = await order_in(engine, status)
    await in_doubt(engine, order_id)
    own = await rows(engine, "SELECT id, status FROM esim_inventory")
    decided = await decide(engine, order_id, Resolution.EXISTS, sold_code(CODE, ICCID))
    assert decided.item_status is StockStatus.RETIRED
    assert decided.follow_up is FollowUp.NOTHING
    query = "SELECT * FROM esim_inventory WHERE activation_code = :code"
    [item] = await rows(engine, query, code=CODE)
    assert item["status"] == "RETIRED"
    assert order_id in (item["order_id"], item["metadata"].get("bought_for_order"))
    assert (await intent_of(engine, order_id))["inventory_item_id"] == item["id"]
    others = "SELECT id, status FROM esim_inventory WHERE activation_code <> :code"
    assert await rows(engine, others, code=CODE) == own
    kinds = [event["kind"] for event in await trail(engine, order_id)]
    assert kinds == ["purchase_resolved", "inventory_retired"]


@pytest.mark.parametrize("status", ProfileStatus)
async def test_an_absent_purchase_is_closed_without_an_item(
    engine: AsyncEngine, status: ProfileStatus
) -> None:
    """Whoever waits buys again; nobody else is disturbed; the profile is left to its workflow."""
    order_id = await order_in(engine, status)
    await in_doubt(engine, order_id)
    decided = await decide(engine, order_id, Resolution.ABSENT)
    waits = status in WAITING
    assert decided.follow_up is (FollowUp.RETRY if waits else FollowUp.NOTHING)
    assert (decided.item_id, decided.item_status) == (None, None)
    intent = await intent_of(engine, order_id)
    assert (intent["state"], intent["resolution"]) == ("RESOLVED", "ABSENT")
    assert intent["inventory_item_id"] is None
    state = "SELECT status FROM esim_profiles WHERE order_id = :id"
    assert await value(engine, state, id=order_id) == status.name


@pytest.mark.parametrize("status", ProfileStatus)
async def test_giving_up_cancels_what_has_no_esim_yet(
    engine: AsyncEngine, status: ProfileStatus
) -> None:
    """An order that has its eSIM, or has ended, stays as it is."""
    order_id = await order_in(engine, status)
    await in_doubt(engine, order_id)
    decided = await decide(engine, order_id, Resolution.GIVEN_UP)
    stays = {ProfileStatus.ASSIGNED, ProfileStatus.ACTIVATED, *OVER}
    assert decided.follow_up is (FollowUp.NOTHING if status in stays else FollowUp.CANCEL)
    assert (await intent_of(engine, order_id))["resolution"] == "GIVEN_UP"


async def test_the_trail_says_who_decided_what_and_holds_no_code(engine: AsyncEngine) -> None:
    """One event; a code that was pasted into the reason is withheld, in the intent as well."""
    order_id = await under_review(engine)
    await decide(
        engine,
        order_id,
        Resolution.EXISTS,
        sold_code(CODE, confirmation_code=f"{CANARY}-1234"),
        reason=f"They sent LPA:{CODE}",
    )
    [event] = await trail(engine, order_id)
    assert (event["kind"], event["actor"]) == ("purchase_resolved", "ana")
    payload = event["payload"]
    assert (payload["resolution"], payload["provider"]) == ("exists", "CONNECTED_YOU")
    assert payload["reference"] == f"order-{order_id}"
    for table in ("esim_provisioning_events", "provider_intents", "esim_profiles"):
        dump = await value(engine, f"SELECT string_agg(t::text, '') FROM {table} t")
        assert CANARY not in dump
    kept = "SELECT confirmation_code FROM esim_inventory"
    assert await value(engine, kept) == f"{CANARY}-1234"


async def test_a_second_decision_is_told_of_the_first(engine: AsyncEngine) -> None:
    """Who, what and why; nothing changes, and one event stands."""
    order_id = await under_review(engine)
    await decide(engine, order_id, Resolution.ABSENT)
    with pytest.raises(NotInReview, match=r"ana has decided on .* 'absent': The partner says so"):
        await decide(engine, order_id, Resolution.ABSENT, actor="bob")
    assert len(await trail(engine, order_id)) == 1


async def test_of_two_decisions_at_once_one_wins(engine: AsyncEngine) -> None:
    """Ten people decide: one event, one resolution; the others are told to look again."""
    order_id = await under_review(engine)
    outcomes = await asyncio.gather(
        *(
            decide(engine, order_id, resolution, actor=f"person-{number}")
            for number, resolution in enumerate([Resolution.ABSENT, Resolution.GIVEN_UP] * 5)
        ),
        return_exceptions=True,
    )
    won = [outcome for outcome in outcomes if isinstance(outcome, Decided)]
    assert len(won) == 1
    lost = [outcome for outcome in outcomes if not isinstance(outcome, Decided)]
    assert all(isinstance(outcome, NotInReview | PurchaseUnderWay) for outcome in lost)
    assert len(await trail(engine, order_id)) == 1


async def test_nobody_decides_while_a_call_is_under_way(engine: AsyncEngine) -> None:
    """The purchase lock is held across the provider call; afterwards the decision is taken."""
    order_id = await under_review(engine)
    async with PurchaseLock(engine).hold(order_id):
        with pytest.raises(PurchaseUnderWay):
            await decide(engine, order_id, Resolution.ABSENT)
    assert (await intent_of(engine, order_id))["state"] == "UNKNOWN"
    await decide(engine, order_id, Resolution.ABSENT)


@pytest.mark.parametrize(
    ("columns", "given"),
    [
        (("activation_code", CODE), sold_code(f"LPA:{CODE}")),
        (("activation_code", f"LPA:{CODE}"), sold_code(CODE)),
        (("iccid", ICCID), sold_code(CODE, ICCID)),
    ],
)
async def test_a_code_that_somebody_has_is_refused_with_its_owner(
    engine: AsyncEngine, columns: tuple[str, str], given: SoldCode
) -> None:
    """In whichever form stock was given it; nothing is decided; the code is not quoted."""
    item_id = await stock_item(engine)
    other = await order_in(engine, ProfileStatus.ACTIVATED)
    name, owned = columns
    await run(engine, f"UPDATE esim_inventory SET {name} = :v WHERE id = :i", v=owned, i=item_id)
    order_id = await under_review(engine)
    with pytest.raises(DuplicateStock, match=f"Stock item {item_id} has this") as refused:
        await decide(engine, order_id, Resolution.EXISTS, given)
    assert CANARY not in str(refused.value)
    assert (await intent_of(engine, order_id))["state"] == "UNKNOWN"
    assert await trail(engine, order_id) == []
    theirs = "SELECT activation_code FROM esim_inventory WHERE order_id = :id"
    with pytest.raises(DuplicateStock, match=f"of order {other} has this"):
        await decide(
            engine,
            order_id,
            Resolution.EXISTS,
            sold_code(await value(engine, theirs, id=other)),
        )


@pytest.mark.parametrize(
    "state", [PurchaseState.SENT, PurchaseState.ACCEPTED, PurchaseState.CONFIRMED, None]
)
async def test_what_is_not_in_doubt_is_not_decided(
    engine: AsyncEngine, state: PurchaseState | None
) -> None:
    """A purchase under way, a confirmed one, or none at all: the reason is said."""
    order_id = await paid_order(engine)
    if state is not None:
        await in_doubt(engine, order_id, state=state)
    with pytest.raises(NotInReview, match=r"goes on by itself|no purchase"):
        await decide(engine, order_id, Resolution.ABSENT)


async def test_an_unknown_order_is_not_found(engine: AsyncEngine) -> None:
    """As everywhere."""
    with pytest.raises(OrderNotFound):
        await decide(engine, 4711, Resolution.ABSENT)


@pytest.mark.parametrize(
    "words", [{"reason": " "}, {"actor": ""}, {"reason": "\0"}, {"provider_order_id": "P-7"}]
)
async def test_blank_or_stray_words_are_refused(engine: AsyncEngine, words: dict[str, Any]) -> None:
    """Before anything is read or written."""
    order_id = await under_review(engine)
    with pytest.raises(InvalidInput):
        await decide(engine, order_id, Resolution.ABSENT, **words)
    with pytest.raises(InvalidInput):
        await decide(engine, order_id, Resolution.ABSENT, sold_code(CODE))
    with pytest.raises(InvalidInput):
        await decide(engine, order_id, Resolution.EXISTS)
    assert (await intent_of(engine, order_id))["state"] == "UNKNOWN"


@pytest.mark.parametrize("words", [{}, {"provider_order_id": "P-7"}])
async def test_a_code_that_must_be_released_needs_what_it_is_released_by(
    engine: AsyncEngine, words: dict[str, str]
) -> None:
    """A person's name for the order is no ICCID; what the provider has named, or an ICCID, is."""
    order_id = await under_review(engine, provider="ES2PLUS")
    with pytest.raises(InvalidInput, match="--iccid") as refused:
        await decide(engine, order_id, Resolution.EXISTS, sold_code(CODE), **words)
    assert CANARY not in str(refused.value)
    assert (await intent_of(engine, order_id))["state"] == "UNKNOWN"
    assert await rows(engine, "SELECT id FROM esim_inventory") == []
    await run(engine, "UPDATE provider_intents SET provider_order_id = :iccid", iccid=ICCID)
    await decide(engine, order_id, Resolution.EXISTS, sold_code(CODE), **words)
    assert (await intent_of(engine, order_id))["provider_order_id"] == ICCID


@pytest.mark.parametrize(
    "given",
    [
        ("",),
        ("XYZ",),
        ("LPA:1$smdp.example.com$",),
        (f"{CODE} {CODE}",),
        (f"{CODE}$$1",),
        (CODE, "123"),
        (CODE, "8.9E+18"),
        (CODE, None, "a\0b"),
        (CODE, None, "9" * 65),
    ],
)
def test_what_no_phone_can_install_is_refused_unquoted(given: tuple[str, ...]) -> None:
    """Incomplete codes, a missing confirmation code, a mangled ICCID."""
    with pytest.raises(EsimError) as refused:
        sold_code(*given)
    assert CANARY not in str(refused.value)
    assert CANARY not in repr(sold_code(CODE, confirmation_code=CANARY))


async def test_a_decision_is_logged_once_whoever_takes_it(
    engine: AsyncEngine, activations: Activations
) -> None:
    """Who, what and where; a pasted code is withheld."""
    order_id = await under_review(engine)
    absent = Decision(Resolution.ABSENT, f"ana {CODE}", "The partner says so.")
    with capture_logs() as lines:
        await reviews.resolve(engine, activations, order_id, absent, enabling=())
    [line] = [line for line in lines if line["event"] == "purchase_resolved"]
    assert (line["order_id"], line["resolution"]) == (order_id, Resolution.ABSENT)
    assert (line["provider"], line["actor"]) == ("CONNECTED_YOU", "ana [code withheld]")
