"""Buying a profile. It costs money, so the database knows of it before the provider does.

1. A transaction commits what is about to be bought, and that the request leaves now.
2. The provider is called outside any transaction.
3. A transaction commits the outcome: the item RESERVED for its order, or why there is none.

Whoever finds an intent that left and has no outcome does not know whether it was booked; what
happens then is the provider's `Ambiguity`. There is no undo here: what `release_inventory` does
with a bought item is all that can be undone without the provider.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity

from activities.long_steps import heartbeats, to_the_end
from activities.origin import origin
from activities.pause_points import PausePoint, PausePoints
from activities.reserve_inventory import release_held
from db import events, intents, inventory, profiles
from db.engine import transaction
from db.intents import Intent
from db.inventory import Purchase
from db.plan_codes import provision_request
from db.profiles import Profile
from db.purchase_lock import PurchaseLock
from domain.audit import EventKind
from domain.errors import (
    DuplicateStock,
    NeedsReview,
    OrderNotPaid,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
    StorageUnavailable,
)
from domain.order_states import OrderStatus
from domain.profile_states import ProfileStatus
from domain.provider import EsimProvider, ProvisionedEsim, ProvisionRequest
from domain.purchase import Ambiguity, IntentState

_PATIENCE_SECONDS = (0.5, 1, 2, 4, 8, 8, 8)

ResultT = TypeVar("ResultT")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """What to buy for which order, and where."""

    order_id: int
    provider: str


@dataclass(frozen=True, slots=True)
class _Sending:
    """An intent whose request leaves now; `again` if an earlier one may have been booked."""

    intent: Intent
    request: ProvisionRequest
    again: bool


class ProviderActivities:
    """Calls providers, each through its own adapter."""

    def __init__(
        self, engine: AsyncEngine, pause: PausePoints, providers: Mapping[str, EsimProvider]
    ) -> None:
        self._engine = engine
        self._pause = pause
        self._providers = providers
        self._lock = PurchaseLock(engine)

    @activity.defn(name="call_provider")
    async def call_provider(self, order: PurchaseOrder) -> int:
        """Buy one profile for an order; returns the id of the item it became.

        Idempotent as far as the provider cooperates: an order that holds an item, or whose
        purchase is confirmed, is never bought for again.

        Raises:
            OrderNotPaid: refunded meanwhile; nothing was sent.
            ProviderUnavailable: nothing was booked; safe to repeat.
            ProviderRefused: a definite no.
            ProviderOutcomeUnknown: it may be booked, and asking again settles it.
            NeedsReview: it may be booked, and only a person can settle it.
            PurchaseUnderWay: another attempt has not let go of the order yet.
        """
        provider = self._provider(order.provider)
        return await to_the_end(self._purchase_alone(order, provider))

    async def _purchase_alone(self, order: PurchaseOrder, provider: EsimProvider) -> int:
        async with heartbeats(), self._lock.hold(order.order_id):
            return await self._purchase(order, provider)

    async def _purchase(self, order: PurchaseOrder, provider: EsimProvider) -> int:
        prepared = await self._prepare(order, provider)
        if isinstance(prepared, int):
            return prepared
        await self._pause.reach(PausePoint.BEFORE_SEND, order.order_id)
        esim = await self._buy(provider, prepared)
        await self._pause.reach(PausePoint.AFTER_REPLY, order.order_id)
        item_id = await self._keep(order, prepared, esim)
        await self._pause.reach(PausePoint.AFTER_PURCHASE, order.order_id)
        return item_id

    def _provider(self, name: str) -> EsimProvider:
        provider = self._providers.get(name)
        if provider is None:
            known = ", ".join(sorted(self._providers))
            raise ProviderRefused(f"There is no provider {name} here; there is: {known}.")
        return provider

    async def _prepare(self, order: PurchaseOrder, provider: EsimProvider) -> _Sending | int:
        """The item that the order already holds, else an intent that is committed as sent."""
        async with transaction(self._engine) as connection:
            profile = await profiles.lock(connection, order.order_id)
            if held := await inventory.held_by(connection, order.order_id):
                return held.id
            if profile.order_status is not OrderStatus.PAID:
                raise OrderNotPaid("Order was refunded before its eSIM was bought.")
            if confirmed := await intents.confirmed_for(connection, order.order_id):
                raise NeedsReview(
                    f"The purchase {confirmed.reference} was confirmed, and its profile is not"
                    " held for the order any more; nothing is bought a second time."
                )
            earlier = await intents.open_for(connection, order.order_id)
            if earlier and not _may_ask_again(earlier, provider):
                raise _review(earlier)
            reference = earlier.reference if earlier else f"order-{order.order_id}"
            request = await provision_request(connection, profile, order.provider, reference)
            intent = earlier or await intents.intend(
                connection,
                order_id=order.order_id,
                provider=order.provider,
                reference=reference,
                request=provider.describe_request(request),
            )
            await intents.mark_sent(connection, intent)
            await _record(connection, intent, EventKind.PURCHASE_SENT)
        return _Sending(intent, request, again=earlier is not None)

    async def _buy(self, provider: EsimProvider, sending: _Sending) -> ProvisionedEsim:
        """Ask the provider, and record a failure before it is raised."""
        try:
            return await _ask(provider, sending)
        except ProviderError as error:
            await self._close(sending, error)
            refused_again = sending.again and isinstance(error, ProviderRefused)
            unknown = isinstance(error, ProviderOutcomeUnknown)
            if refused_again or (unknown and provider.ambiguity is Ambiguity.REVIEW):
                raise _review(sending.intent) from None
            if sending.again and not unknown:
                # This call booked nothing; of the earlier one nobody knows yet.
                raise ProviderOutcomeUnknown(
                    error.message, retry_after_seconds=error.retry_after_seconds
                ) from None
            raise

    async def _keep(self, order: PurchaseOrder, sending: _Sending, esim: ProvisionedEsim) -> int:
        """Commit what was bought. A code already in stock is never taken for a new one.

        What was paid for is in our hands only, and not every provider tells it twice.
        """
        try:
            return await _patiently(lambda: self._commit(order, sending, esim))
        except DuplicateStock:
            error = ProviderOutcomeUnknown(
                "The provider sold an ICCID or code that is already in stock.", reply=esim.reply
            )
            await self._close(sending, error)
            raise _review(sending.intent) from None

    async def _commit(self, order: PurchaseOrder, sending: _Sending, esim: ProvisionedEsim) -> int:
        async with transaction(self._engine) as connection:
            # The answer to an earlier commit may have been lost, and not the commit itself.
            if held := await inventory.held_by(connection, order.order_id):
                return held.id
            return await _store(connection, order, sending.intent, esim)

    async def _close(self, sending: _Sending, error: ProviderError) -> None:
        intent = sending.intent
        state, kind = _outcome(error, again=sending.again)
        log.warning(
            "provider_call_failed",
            order_id=intent.order_id,
            provider=intent.provider,
            code=error.code,
            esim_provisioning="failure",
        )
        await _patiently(lambda: self._settle(intent, state, kind, error))

    async def _settle(
        self, intent: Intent, state: IntentState, kind: EventKind, error: ProviderError
    ) -> None:
        async with transaction(self._engine) as connection:
            await intents.close(
                connection,
                intent.id,
                state,
                reply=error.reply,
                error_code=error.code,
                error=error.message,
            )
            await _record(connection, intent, kind, error)


async def _patiently(write: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Write an outcome for as long as it may take a database to come back."""
    for pause_seconds in _PATIENCE_SECONDS:
        try:
            return await write()
        except StorageUnavailable:
            await asyncio.sleep(pause_seconds)
    return await write()


def _outcome(error: ProviderError, *, again: bool) -> tuple[IntentState, EventKind]:
    """What a failed call says of its intent.

    A call that repeats an unanswered one says nothing of the first: that one may be booked
    even if its repetition was refused or never arrived.
    """
    settled = IntentState.UNKNOWN if again else IntentState.REFUSED
    if isinstance(error, ProviderUnavailable):
        return settled, EventKind.PURCHASE_UNAVAILABLE
    if isinstance(error, ProviderRefused):
        return settled, EventKind.PURCHASE_REFUSED
    return IntentState.UNKNOWN, EventKind.PURCHASE_UNKNOWN


async def _record(
    connection: AsyncConnection,
    intent: Intent,
    kind: EventKind,
    error: ProviderError | None = None,
) -> None:
    await events.append(
        connection,
        intent.order_id,
        kind,
        origin(),
        error_code=error.code if error else None,
        error=error.message if error else None,
        payload={"provider": intent.provider, "reference": intent.reference},
    )


async def _ask(provider: EsimProvider, sending: _Sending) -> ProvisionedEsim:
    """Buy; or, after an unknown outcome, look before buying where the provider must be asked.

    A single "absent" proves nothing, since a look-up may lag behind the provider's own orders.
    """
    if sending.again and provider.ambiguity is Ambiguity.LOOKUP:
        found = await provider.lookup(sending.request)
        if found is None:
            raise ProviderOutcomeUnknown("The provider does not show the purchase yet.")
        return found
    return await provider.provision(sending.request)


async def _store(
    connection: AsyncConnection, order: PurchaseOrder, intent: Intent, esim: ProvisionedEsim
) -> int:
    profile = await profiles.lock(connection, order.order_id)
    item_id = await inventory.add_bought(connection, _bought(order, profile, esim))
    await intents.close(
        connection,
        intent.id,
        IntentState.CONFIRMED,
        reply=esim.reply,
        inventory_item_id=item_id,
    )
    payload = {"provider": order.provider, "reference": esim.reference, "item_id": item_id}
    if profile.status is ProfileStatus.PENDING_ACTIVATION:
        await profiles.move(
            connection,
            profile,
            ProfileStatus.RESERVED,
            EventKind.PURCHASE_CONFIRMED,
            origin(),
            payload=payload,
            inventory_item_id=item_id,
        )
        return item_id
    await events.append(
        connection, order.order_id, EventKind.PURCHASE_CONFIRMED, origin(), payload=payload
    )
    # A parked order waits for its next round with the item held; an ended one holds nothing.
    if profile.status in {ProfileStatus.CANCELLED, ProfileStatus.EXPIRED}:
        await release_held(connection, profile, reason="the activation had ended", ending=True)
    return item_id


def _bought(order: PurchaseOrder, profile: Profile, esim: ProvisionedEsim) -> Purchase:
    return Purchase(
        order_id=order.order_id,
        plan_id=profile.plan_id,
        carrier_id=profile.carrier_id,
        country_id=profile.country_id,
        provider=order.provider,
        provider_reference=esim.reference,
        iccid=esim.iccid,
        activation_code=esim.activation_code,
        qr_payload=esim.qr_payload,
        instructions=esim.instructions,
        confirmation_code=esim.confirmation_code,
        expires_at=esim.expires_at,
    )


def _may_ask_again(earlier: Intent, provider: EsimProvider) -> bool:
    """An open purchase may be asked about at its own provider only, if that one settles it."""
    same = earlier.provider == provider.name
    return same and provider.ambiguity is not Ambiguity.REVIEW


def _review(intent: Intent) -> NeedsReview:
    return NeedsReview(
        f"The purchase {intent.reference} at {intent.provider} may have been booked; "
        "ask the provider before anything is bought again."
    )
