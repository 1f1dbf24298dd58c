"""Deciding what became of a purchase whose outcome nobody knows: a person says, once."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import events, profiles, purchases, review_views, reviews, stock, stock_codes
from db.engine import transaction
from db.locks import PurchaseLock
from db.own_codes import as_note_of
from db.profiles import Profile
from db.purchases import Purchase
from db.stock import BoughtItem
from domain.codes import SoldCode
from domain.errors import (
    DuplicateStock,
    EngineUnavailable,
    InvalidInput,
    NotInReview,
    StaleWrite,
)
from domain.event import EventKind, Origin
from domain.profile import ENDED
from domain.purchase import PurchaseState, Resolution
from domain.redaction import as_note
from domain.review import FollowUp, follow_up
from domain.stock import StockStatus
from operations.attribution import attributed
from operations.deadline import answered
from operations.review_words import outlook
from workflows.client import Activations
from workflows.messages import Intervention

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decides about an order's purchase.

    Attributes:
        sold: what the provider sold, for EXISTS and for nothing else.
        provider_order_id: what the provider calls the order, if that is known only now.
    """

    resolution: Resolution
    actor: str
    reason: str
    sold: SoldCode | None = None
    provider_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision has changed, and what is to be asked of the activation next.

    Attributes:
        reason: as it was kept, without a code of the order.
        item_id, item_status: of the code that was brought; RESERVED is on its way to the
            customer, RETIRED is out of use because the order needs none any more.
    """

    order_id: int
    resolution: Resolution
    provider: str
    reference: str
    reason: str
    item_id: int | None
    item_status: StockStatus | None
    follow_up: FollowUp


@dataclass(frozen=True, slots=True)
class Resolved:
    """A decision, and whether the activation was told of it."""

    decided: Decided
    asked: bool

    @property
    def next_step(self) -> str:
        """Say what comes next, in words for the person who decided."""
        return outlook(self.decided.follow_up, self.decided.order_id, asked=self.asked)


async def resolve(
    engine: AsyncEngine,
    activations: Activations,
    order_id: int,
    decision: Decision,
    *,
    enabling: Collection[str],
) -> Resolved:
    """Settle an order's purchase in doubt, and then let its activation know.

    The decision stands even if Temporal does not answer. Args and errors as `decide`.
    """
    decided = await decide(engine, order_id, decision, enabling=enabling)
    log.info(
        "purchase_resolved",
        order_id=order_id,
        resolution=decided.resolution,
        provider=decided.provider,
        actor=as_note(decision.actor),
    )
    return Resolved(decided, await _tell(activations, decided, decision))


async def _tell(activations: Activations, decided: Decided, decision: Decision) -> bool:
    """Let the activation know, after the commit; False if Temporal does not answer."""
    said = Intervention(decision.actor, f"Resolved as {decided.resolution}: {decided.reason}")
    try:
        if decided.follow_up is FollowUp.RETRY:
            await answered(activations.nudge(decided.order_id, said))
        elif decided.follow_up is FollowUp.CANCEL:
            await answered(activations.cancel(decided.order_id, said))
    except EngineUnavailable:
        return False
    return decided.follow_up is not FollowUp.NOTHING


async def decide(
    engine: AsyncEngine, order_id: int, decision: Decision, *, enabling: Collection[str]
) -> Decided:
    """Settle an order's purchase in doubt, while no call is under way for it.

    One transaction with its event. The activation learns of it by what the caller asks next.
    The codes of providers that are among `enabling` work only once they are released.

    Raises:
        InvalidInput: blank words, a code that is missing or not asked for, or one that could not
            be released.
        OrderNotFound: there is no such order.
        NotInReview: nothing is in doubt; says who has decided, if somebody has.
        PurchaseUnderWay: somebody buys or decides just now; safe to try again.
        DuplicateStock: names the item that has the code or ICCID already.
        StaleWrite, StorageUnavailable.
    """
    decision = _checked(decision)
    try:
        async with PurchaseLock(engine).hold(order_id), transaction(engine) as connection:
            return await _apply(connection, order_id, decision, enabling)
    except DuplicateStock:
        raise await _named(engine, decision) from None


async def _apply(
    connection: AsyncConnection, order_id: int, decision: Decision, enabling: Collection[str]
) -> Decided:
    profile = await profiles.lock(connection, order_id)
    intent = await _in_doubt(connection, order_id)
    reason = await as_note_of(connection, order_id, decision.reason)
    decision = replace(decision, reason=reason)
    item_id, item_status = None, None
    if decision.sold is not None:
        if intent.provider in enabling:
            _check_can_be_released(intent, decision.sold)
        item_id, item_status = await _store(connection, profile, intent, decision.sold)
    await reviews.close(
        connection,
        intent,
        decision.resolution,
        by=decision.actor,
        reason=decision.reason,
        item_id=item_id,
        provider_order_id=decision.provider_order_id,
    )
    origin = Origin(decision.actor)
    payload = _payload(intent, decision, item_id)
    await events.append(connection, order_id, EventKind.PURCHASE_RESOLVED, origin, payload=payload)
    if item_status is StockStatus.RETIRED:
        unused = {"item_id": item_id, "reason": "the order needs it no more"}
        await events.append(
            connection, order_id, EventKind.INVENTORY_RETIRED, origin, payload=unused
        )
    return Decided(
        order_id,
        decision.resolution,
        intent.provider,
        intent.reference,
        decision.reason,
        item_id,
        item_status,
        follow_up(decision.resolution, profile.status),
    )


async def _in_doubt(connection: AsyncConnection, order_id: int) -> Purchase:
    begun = await purchases.open_for(connection, order_id)
    if begun is not None and begun.state is PurchaseState.UNKNOWN:
        return begun
    if begun is not None:
        raise NotInReview(
            f"The purchase {begun.reference} at {begun.provider} is {begun.state}: it goes on by"
            " itself, and there is nothing to decide yet."
        )
    last = await review_views.of_order(connection, order_id)
    if last is None or last.closed_at is None:
        raise NotInReview(f"Order {order_id} has no purchase whose outcome is in doubt.")
    raise NotInReview(
        f"{last.resolved_by} has decided on {last.closed_at:%Y-%m-%d at %H:%M:%S} UTC that the"
        f" purchase {last.reference} at {last.provider} is '{last.resolution}':"
        f" {last.resolved_reason}"
    )


def _check_can_be_released(intent: Purchase, sold: SoldCode) -> None:
    """Refuse a code that the provider could not be asked to release, while that can be mended."""
    if sold.iccid is None and intent.provider_order_id is None:
        raise InvalidInput(
            f"A code of {intent.provider} works only once it is released by its ICCID: bring that"
            " too (--iccid, or iccid in the API)."
        )


async def _store(
    connection: AsyncConnection, profile: Profile, intent: Purchase, sold: SoldCode
) -> tuple[int, StockStatus]:
    """Keep the code: for the customer, or out of use if the order is served or over."""
    purchase = BoughtItem(
        order_id=profile.order_id,
        plan_id=profile.plan_id,
        carrier_id=profile.carrier_id,
        country_id=profile.country_id,
        provider=intent.provider,
        provider_reference=intent.reference,
        iccid=sold.iccid,
        activation_code=sold.codes.activation_code,
        qr_payload=sold.codes.qr_payload,
        confirmation_code=sold.confirmation_code,
        iccid_scope=intent.id,
        as_given=sold.as_given,
    )
    if await stock.names_order(connection, profile.order_id):
        item_id = await stock.add_unwanted(connection, purchase, resell=False)
        return item_id, StockStatus.RETIRED
    item_id = await stock.add_bought(connection, purchase)
    if profile.status not in ENDED:
        return item_id, StockStatus.RESERVED
    item = await stock.held_by(connection, profile.order_id)
    if item is None:  # it was added a moment ago, in this transaction
        raise StaleWrite(f"Stock item {item_id} is gone.")
    await stock.retire(connection, item, "the order needs it no more")
    return item_id, StockStatus.RETIRED


def _payload(intent: Purchase, decision: Decision, item_id: int | None) -> dict[str, object]:
    facts: dict[str, object] = {
        "resolution": decision.resolution,
        "provider": intent.provider,
        "reference": intent.reference,
        "reason": decision.reason,
    }
    if decision.sold is not None and decision.sold.as_given:
        facts["as_given"] = True
    return facts if item_id is None else facts | {"item_id": item_id}


def _checked(decision: Decision) -> Decision:
    """Return a decision that can be kept, with nothing in it that the trail must not hold."""
    actor, reason = attributed(decision.actor, decision.reason)
    if decision.resolution is not Resolution.EXISTS:
        check_nothing_sold(decision.sold, decision.provider_order_id)
    elif decision.sold is None:
        raise InvalidInput("A purchase that exists needs the activation code that was sold.")
    if decision.sold is not None:
        sold = decision.sold
        codes = sold.codes
        told = (codes.activation_code, codes.qr_payload, sold.confirmation_code or "")
        reason = as_note(decision.reason, told).strip()
    known_as = as_note(decision.provider_order_id or "").strip() or None
    return replace(decision, actor=actor, reason=reason, provider_order_id=known_as)


def check_nothing_sold(*facts: object) -> None:
    """Refuse facts of a sale for a purchase that does not exist, or of which nobody knows.

    Raises:
        InvalidInput: there is such a fact.
    """
    if any(facts):
        raise InvalidInput(
            "What was sold belongs to a purchase that exists (--code-file, --iccid,"
            " --as-given and --provider-order-id go with --exists alone)."
        )


async def _named(engine: AsyncEngine, decision: Decision) -> DuplicateStock:
    """Say who has the code, in another transaction: the one that stumbled over it is gone."""
    async with transaction(engine) as connection:
        owner = await _owner(connection, decision.sold) if decision.sold else None
    if owner is None:
        return DuplicateStock("Another item had this ICCID or activation code a moment ago.")
    item_id, order_id = owner
    whose = f", of order {order_id}" if order_id else ""
    return DuplicateStock(
        f"Stock item {item_id}{whose} has this ICCID or activation code already. Nothing was"
        " decided: ask the provider which profile it sold for this order."
    )


async def _owner(connection: AsyncConnection, sold: SoldCode) -> tuple[int, int | None] | None:
    codes = sold.codes
    return await stock_codes.owner(
        connection, codes.activation_code, codes.qr_payload, sold.iccid, alone=False
    )
