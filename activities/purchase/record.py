"""Writing down what became of a purchase, as the table of `domain/purchase.py` decides.

What was paid for is in our hands only, so an outcome is written for as long as a database may
take to come back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from activities.origin import origin
from activities.pause_points import PausePoint, PausePoints
from activities.purchase.gate import ProviderGate
from activities.purchase.keep import BoughtItems
from activities.purchase.question import Outcome, Question, Reply
from activities.purchase.returned import note_shown_returns
from db import events, purchases, quarantine
from db.engine import transaction
from db.purchases import Purchase
from domain.errors import (
    DuplicateStock,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderReplyUnusable,
    ProviderUnavailable,
    StorageFault,
    StorageUnavailable,
)
from domain.event import EventKind
from domain.provider import AcceptedOrder, EsimProvider, ProvisionedEsim
from domain.purchase import Facts, Heard, PurchaseState, Rule, Then, verdict
from domain.redaction import as_note

_PATIENCE_SECONDS = (0.5, 1, 2, 4, 8, 8, 8)

ResultT = TypeVar("ResultT")

log = structlog.get_logger(__name__)


class PurchaseRecord:
    """Each outcome is one transaction with its audit event."""

    def __init__(
        self, engine: AsyncEngine, pause: PausePoints, gate: ProviderGate, items: BoughtItems
    ) -> None:
        self._engine = engine
        self._pause = pause
        self._gate = gate
        self._items = items

    async def conclude(self, question: Question, provider: EsimProvider, reply: Reply) -> Outcome:
        """Decide what a reply means, commit it, and say what follows. Raises nothing of it."""
        purchase = question.purchase
        absent_before = _counts_as_absent(purchase, reply) and await self._note_absent(
            purchase, provider
        )
        facts = Facts(
            state=purchase.state,
            mode=provider.traits.ambiguity,
            named=purchase.provider_order_id is not None,
            again=question.again,
            overdue=question.overdue,
            absent_before=absent_before,
        )
        rule = verdict(question.asked, facts, reply.heard)
        if isinstance(reply.answer, ProvisionedEsim):
            return await self._keep(question, provider, reply.answer, rule)
        error = reply.error or _explanation(provider, rule)
        if error is not None and rule.becomes is not None and rule.then is not Then.AFRESH:
            _log_failure(purchase, error, in_doubt=rule.becomes is PurchaseState.UNKNOWN)
        moved = await patiently(lambda: self._write(purchase, rule, reply, error))
        return Outcome(rule.then, moved, error)

    async def withdraw(self, purchase: Purchase, reason: str) -> None:
        """Close a purchase that never left."""
        await patiently(lambda: self._withdraw(purchase, ProviderUnavailable(reason)))

    async def _note_absent(self, purchase: Purchase, provider: EsimProvider) -> bool:
        """Believe a look-up that finds nothing only if one did so a settle gap earlier."""
        async with transaction(self._engine) as connection:
            return await purchases.note_absent(
                connection,
                purchase,
                settle_gap_seconds=provider.traits.settle_gap_seconds,
                now=await self._gate.now(),
            )

    async def _keep(
        self, question: Question, provider: EsimProvider, esim: ProvisionedEsim, sale: Rule
    ) -> Outcome:
        """Store what was sold; what cannot be stored is a reply that nobody may be given."""
        purchase = question.purchase
        await self._pause.reach(PausePoint.AFTER_REPLY, purchase.order_id)
        try:
            item_id = await patiently(lambda: self._items.keep(purchase, sale, esim))
        except DuplicateStock:
            fault = "an ICCID, a code or a name of the sale that is already in stock."
        except StorageFault as refusal:
            fault = f"what cannot be stored. {refusal.message}"
        except UnicodeEncodeError:  # the driver's, before anything is sent; it quotes the text
            fault = "what cannot be stored: text that is no Unicode."
        else:
            await self._pause.reach(PausePoint.AFTER_PURCHASE, purchase.order_id)
            return Outcome(Then.KEEP, purchase, item_id=item_id)
        unusable = ProviderReplyUnusable(
            f"{purchase.provider} sold {fault}", raw=esim.raw, reply=esim.reply
        )
        # Asking again would bring the same: this is a person's, as after a second send.
        return await self.conclude(replace(question, again=True), provider, Reply(error=unusable))

    async def _write(
        self, purchase: Purchase, rule: Rule, reply: Reply, error: ProviderError | None
    ) -> Purchase:
        """Move the purchase as the rule says, with its event; returns it as it is then."""
        if rule.becomes is None:
            return purchase
        async with transaction(self._engine) as connection:
            if isinstance(reply.answer, AcceptedOrder):
                order = reply.answer
                moved = await purchases.accept(
                    connection,
                    purchase,
                    rule.becomes,
                    order.provider_order_id,
                    order.reply,
                    error=error,
                )
                if order.allotted_iccid is not None:
                    await note_shown_returns(connection, moved, order.allotted_iccid)
            else:
                reply_kept = error.reply if error else None
                moved = await purchases.close(
                    connection, purchase, rule.becomes, reply=reply_kept, error=error
                )
            if isinstance(error, ProviderReplyUnusable) and error.raw:
                await quarantine.keep(connection, purchase, error.message, error.raw)
            if rule.event is not None:
                await record(connection, purchase, rule.event, error)
        return moved

    async def _withdraw(self, purchase: Purchase, error: ProviderUnavailable) -> None:
        async with transaction(self._engine) as connection:
            await purchases.close(
                connection, purchase, PurchaseState.REFUSED, reply=None, error=error
            )
            await record(connection, purchase, EventKind.PURCHASE_HELD, error)


async def record(
    connection: AsyncConnection,
    purchase: Purchase,
    kind: EventKind,
    error: ProviderError | None = None,
) -> None:
    """Append a purchase's event to its order's trail: which provider, which reference, and why.

    Not idempotent: call it in the transaction of the change itself.
    """
    await events.append(
        connection,
        purchase.order_id,
        kind,
        origin(),
        error_code=error.code if error else None,
        error=error.message if error else None,
        payload={"provider": purchase.provider, "reference": purchase.reference},
    )


def _counts_as_absent(purchase: Purchase, reply: Reply) -> bool:
    """Tell whether a look-up that found nothing says anything: of an accepted order it does not."""
    was_accepted = purchase.state is PurchaseState.ACCEPTED or purchase.provider_order_id
    return reply.heard is Heard.ABSENT and not was_accepted


def _log_failure(purchase: Purchase, error: ProviderError, *, in_doubt: bool) -> None:
    tell = log.error if in_doubt else log.warning
    tell(
        "provider_call_failed",
        order_id=purchase.order_id,
        provider=purchase.provider,
        code=error.code,
        reason=as_note(error.message),
        in_doubt=in_doubt,
        esim_provisioning="failure",
    )


def _explanation(provider: EsimProvider, rule: Rule) -> ProviderError | None:
    """Put what a look-up without an error means into words; None if it means no trouble."""
    name, gap = provider.name, provider.traits.settle_gap_seconds
    if rule.then is Then.A_PERSON and rule.becomes is None:
        return None  # nothing new is known, and nothing is written
    if rule.then is Then.AFRESH:
        return ProviderUnavailable(
            f"{name} was asked twice and does not know the purchase: it never arrived."
        )
    if rule.then is Then.ASK_LATER:
        return ProviderOutcomeUnknown(
            f"{name} does not show the purchase yet.", retry_after_seconds=gap
        )
    if rule.then is Then.A_PERSON:
        return ProviderOutcomeUnknown(
            f"{name} accepted the order and has not delivered it in time."
        )
    return None


async def patiently(write: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Write an outcome for as long as it may take a database to come back.

    Raises:
        StorageUnavailable: it has not come back.
    """
    for pause_seconds in _PATIENCE_SECONDS:
        try:
            return await write()
        except StorageUnavailable:
            await asyncio.sleep(pause_seconds)
    return await write()
