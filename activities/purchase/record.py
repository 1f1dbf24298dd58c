"""Writing down what became of a purchase: the item that it gave, or why there is none.

What was paid for is in our hands only, so an outcome is written for as long as a database may
take to come back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from activities.origin import origin
from activities.purchase.trail import record
from activities.reserve import release_held
from db import events, profiles, purchases, quarantine, stock
from db.engine import transaction
from db.profiles import Profile
from db.purchases import Purchase
from db.stock import BoughtItem
from domain.errors import (
    DuplicateStock,
    NeedsReview,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderReplyUnusable,
    ProviderUnavailable,
    StorageFault,
    StorageUnavailable,
)
from domain.event import EventKind
from domain.profile import ENDED, READY, ProfileStatus
from domain.provider import AcceptedOrder, ProvisionedEsim
from domain.purchase import PurchaseState

_PATIENCE_SECONDS = (0.5, 1, 2, 4, 8, 8, 8)

ResultT = TypeVar("ResultT")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a failed call makes of its intent."""

    state: PurchaseState
    kind: EventKind


class PurchaseOutcomes:
    """Each outcome is one transaction with its audit event."""

    def __init__(self, engine: AsyncEngine, resellable: AbstractSet[str]) -> None:
        self._engine = engine
        self._resellable = resellable

    async def keep(self, intent: Purchase, esim: ProvisionedEsim) -> int:
        """Commit what was bought; returns the item's id. Repeating it finds it done.

        Raises:
            NeedsReview: its code or ICCID is in stock already, or Postgres cannot store it; the
                reply is in quarantine.
        """
        try:
            return await _patiently(lambda: self._store(intent, esim))
        except DuplicateStock:
            fault = "an ICCID or code that is already in stock."
        except StorageFault as refusal:
            fault = f"what cannot be stored. {refusal.message}"
        except UnicodeEncodeError:  # the driver's, before anything is sent; it quotes the text
            fault = "what cannot be stored: text that is no Unicode."
        unusable = ProviderReplyUnusable(
            f"{intent.provider} sold {fault}", raw=esim.raw, reply=esim.reply
        )
        await self.fail(intent, unusable, unsure=True)
        raise review(intent)

    async def accept(self, intent: Purchase, order: AcceptedOrder) -> Purchase:
        """Commit that the provider has taken the order on. Writes an event the first time."""

        async def write() -> Purchase:
            async with transaction(self._engine) as connection:
                accepted = await purchases.accept(
                    connection, intent, order.provider_order_id, order.reply
                )
                if intent.state is not PurchaseState.ACCEPTED:
                    await record(connection, intent, EventKind.PURCHASE_ACCEPTED)
                return accepted

        return await _patiently(write)

    async def fail(self, intent: Purchase, error: ProviderError, *, unsure: bool) -> None:
        """Commit a failed call's outcome, and the reply if it cannot be used.

        Args:
            intent: the purchase, in the state it was last written in.
            error: how the call ended.
            unsure: an earlier send may have been booked, whatever this call says of itself.
        """
        verdict = _verdict(error, unsure=unsure)
        log.warning(
            "provider_call_failed",
            order_id=intent.order_id,
            provider=intent.provider,
            code=error.code,
            esim_provisioning="failure",
        )
        await _patiently(lambda: self._write_failure(intent, verdict, error))

    async def withdraw(self, intent: Purchase, reason: str) -> None:
        """Close a purchase that never left."""
        error = ProviderUnavailable(reason)
        await _patiently(
            lambda: self._write_failure(
                intent, _Verdict(PurchaseState.REFUSED, EventKind.PURCHASE_HELD), error
            )
        )

    async def settle_absent(self, intent: Purchase) -> None:
        """Close a purchase that two look-ups have not found: nothing was booked."""
        error = ProviderUnavailable(
            f"{intent.provider} was asked twice and does not know the purchase: it never arrived."
        )
        verdict = _Verdict(PurchaseState.REFUSED, EventKind.PURCHASE_ABSENT)
        await _patiently(lambda: self._write_failure(intent, verdict, error))

    async def _store(self, intent: Purchase, esim: ProvisionedEsim) -> int:
        async with transaction(self._engine) as connection:
            profile = await profiles.lock(connection, intent.order_id)
            # The answer to an earlier commit may have been lost, and not the commit itself.
            done = await purchases.bought_for(connection, intent.order_id)
            if done is not None and done.id == intent.id and done.inventory_item_id is not None:
                return done.inventory_item_id
            return await self._add(connection, profile, intent, esim)

    async def _add(
        self,
        connection: AsyncConnection,
        profile: Profile,
        intent: Purchase,
        esim: ProvisionedEsim,
    ) -> int:
        served = await _is_served(connection, profile)
        purchase = _bought(profile, intent, esim)
        if served:
            resell = intent.provider in self._resellable
            item_id = await stock.add_unwanted(connection, purchase, resell=resell)
        else:
            item_id = await stock.add_bought(connection, purchase)
        await purchases.close(
            connection,
            intent,
            PurchaseState.CONFIRMED,
            reply=esim.reply,
            inventory_item_id=item_id,
        )
        await _confirm(connection, profile, intent, item_id, served=served)
        # A parked order waits for its next round with the item held; an ended one holds nothing.
        if not served and profile.status in ENDED:
            await release_held(
                connection,
                profile,
                reason="the activation had ended",
                ending=True,
                resellable=self._resellable,
            )
        return item_id

    async def _write_failure(
        self, intent: Purchase, verdict: _Verdict, error: ProviderError
    ) -> None:
        async with transaction(self._engine) as connection:
            await purchases.close(
                connection,
                intent,
                verdict.state,
                reply=error.reply,
                error_code=error.code,
                error=error.message,
            )
            if isinstance(error, ProviderReplyUnusable) and error.raw:
                await quarantine.keep(connection, intent, error.message, error.raw)
            await record(connection, intent, verdict.kind, error)


def review(intent: Purchase) -> NeedsReview:
    """Only a person can settle this purchase."""
    return NeedsReview(
        f"The purchase {intent.reference} at {intent.provider} may have been booked; "
        "ask the provider before anything is bought again."
    )


async def _patiently(write: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Write an outcome for as long as it may take a database to come back."""
    for pause_seconds in _PATIENCE_SECONDS:
        try:
            return await write()
        except StorageUnavailable:
            await asyncio.sleep(pause_seconds)
    return await write()


def _verdict(error: ProviderError, *, unsure: bool) -> _Verdict:
    """What a failed call says of its intent.

    A call that repeats an unanswered one says nothing of the first: that one may be booked
    even if its repetition was refused or never arrived.
    """
    settled = PurchaseState.UNKNOWN if unsure else PurchaseState.REFUSED
    if isinstance(error, ProviderReplyUnusable):
        return _Verdict(PurchaseState.UNKNOWN, EventKind.PURCHASE_QUARANTINED)
    if isinstance(error, ProviderOutcomeUnknown):
        return _Verdict(PurchaseState.UNKNOWN, EventKind.PURCHASE_UNKNOWN)
    if isinstance(error, ProviderRefused):
        return _Verdict(settled, EventKind.PURCHASE_REFUSED)
    return _Verdict(settled, EventKind.PURCHASE_UNAVAILABLE)


async def _is_served(connection: AsyncConnection, profile: Profile) -> bool:
    """Whether the order has got an item elsewhere, as from stock while the purchase was in doubt.

    One that was retired by hand since then still has the order's name.
    """
    if await stock.held_by(connection, profile.order_id) is not None:
        return True
    over = profile.status in ENDED | READY
    return over and await stock.names_order(connection, profile.order_id)


async def _confirm(
    connection: AsyncConnection, profile: Profile, intent: Purchase, item_id: int, *, served: bool
) -> None:
    """Record the purchase; an order that waits for it is RESERVED with it."""
    payload = {"provider": intent.provider, "reference": intent.reference, "item_id": item_id}
    kind = EventKind.PURCHASE_CONFIRMED
    if served or profile.status is not ProfileStatus.PENDING_ACTIVATION:
        await events.append(connection, intent.order_id, kind, origin(), payload=payload)
        return
    await profiles.move(
        connection,
        profile,
        ProfileStatus.RESERVED,
        kind,
        origin(),
        payload=payload,
        inventory_item_id=item_id,
    )


def _bought(profile: Profile, intent: Purchase, esim: ProvisionedEsim) -> BoughtItem:
    return BoughtItem(
        order_id=intent.order_id,
        plan_id=profile.plan_id,
        carrier_id=profile.carrier_id,
        country_id=profile.country_id,
        provider=intent.provider,
        provider_reference=esim.reference,
        iccid=esim.iccid,
        activation_code=esim.activation_code,
        qr_payload=esim.qr_payload,
        instructions=esim.instructions,
        confirmation_code=esim.confirmation_code,
        expires_at=esim.expires_at,
    )
