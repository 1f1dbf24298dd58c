"""How one call goes: honestly, or as the rules that apply to it want."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from sandbox.calls import Call, Ended
from sandbox.contracts.contract import Answer, Asked, Contract
from sandbox.http import Exchange, Reply, json_reply
from sandbox.misbehaviours import Misbehaviour, Part
from sandbox.rules import Picked
from sandbox.shop import CannotSell, Terms, Trouble, as_it_is
from sandbox.told import lie
from sandbox.webhooks import Due, Webhooks

# How long a reply waits for the webhook that comes before it.
_EARLY_WEBHOOK_SECONDS = 5.0

_TROUBLES = {
    Misbehaviour.OUT_OF_STOCK: Trouble.OUT_OF_STOCK,
    Misbehaviour.UNKNOWN_PLAN: Trouble.UNKNOWN_PLAN,
    Misbehaviour.NO_CREDIT: Trouble.NO_CREDIT,
    Misbehaviour.BAD_CREDENTIALS: Trouble.BAD_CREDENTIALS,
    Misbehaviour.RATE_LIMITED: Trouble.RATE_LIMITED,
}
_NOTHING_SAID = frozenset(
    {
        Misbehaviour.RESET_BEFORE_BOOKING,
        Misbehaviour.RESET_AFTER_BOOKING,
        Misbehaviour.TIMEOUT_BEFORE_BOOKING,
        Misbehaviour.TIMEOUT_AFTER_BOOKING,
    }
)
_BEFORE_BOOKING = frozenset(
    {
        Misbehaviour.RESET_BEFORE_BOOKING,
        Misbehaviour.TIMEOUT_BEFORE_BOOKING,
        Misbehaviour.STATUS,
        Misbehaviour.LOOKUP_ERROR,
        *_TROUBLES,
    }
)


@dataclass(frozen=True, slots=True)
class Conduct:
    """One call on its way."""

    contract: Contract
    asked: Asked
    picked: Picked
    call: Call
    exchange: Exchange
    webhooks: Webhooks
    changed: Callable[[], None]

    async def run(self) -> None:
        """Do what is asked, or what a rule says, and note in the call how it ended."""
        if self.asked.fault is not None:
            await self._send(self.asked.fault)
            return
        await asyncio.sleep(self.picked.seconds(Misbehaviour.LATENCY))
        if self._outcome in _BEFORE_BOOKING:
            await self._refuse()
            return
        try:
            answer = self.contract.answer(self.asked, self._terms())
        except CannotSell as refused:
            await self._send(self.contract.refusal(refused.trouble))
            return
        await self._finish(answer)

    @property
    def _outcome(self) -> Misbehaviour | None:
        return self.picked.kind(Part.OUTCOME)

    def _terms(self) -> Terms:
        rule = self.picked.get(Part.OUTCOME)
        delivery = self.picked.kind(Part.DELIVERY)
        early = self.picked.kind(Part.WEBHOOK) is Misbehaviour.WEBHOOK_EARLY
        delayed = delivery is Misbehaviour.ALLOCATION_DELAY
        seconds = self.picked.seconds(Misbehaviour.ALLOCATION_DELAY) if delayed else None
        return Terms(
            lag_seconds=self.picked.seconds(Misbehaviour.LAGGING_LOOKUP),
            delivery_seconds=0.0 if early else seconds,
            fails=delivery is Misbehaviour.ALLOCATION_FAILED,
            reuses=self.picked.kind(Part.PROFILE) is Misbehaviour.REUSED_ICCID,
            smdp_address=self._own_address(),
            told=(lie(rule, self.contract.ledger) if rule else None) or as_it_is,
        )

    def _own_address(self) -> str | None:
        rule = self.picked.get(Part.PROFILE)
        owns = rule is not None and rule.misbehaviour is Misbehaviour.OWN_ADDRESS
        return str(rule.options["address"]) if rule and owns else None

    async def _refuse(self) -> None:
        """Refuse the call: nothing was booked, and nothing will be."""
        outcome = self._outcome
        if outcome in _NOTHING_SAID:
            await self._say_nothing()
        elif outcome in _TROUBLES:
            await self._send(self._refusal(_TROUBLES[outcome]))
        else:
            await self._send(self.contract.failure(self._code()))

    def _refusal(self, trouble: Trouble) -> Reply:
        reply = self.contract.refusal(trouble)
        if trouble is not Trouble.RATE_LIMITED:
            return reply
        seconds = int(self.picked[Part.OUTCOME].number("retry_after"))
        return replace(reply, headers={**reply.headers, "retry-after": str(seconds)})

    async def _finish(self, answer: Answer) -> None:
        """Tell the client of what was booked, or keep it from it, as the rule wants."""
        announce = self._announcement(answer)
        if self.picked.kind(Part.WEBHOOK) is Misbehaviour.WEBHOOK_EARLY:
            with suppress(TimeoutError):
                async with asyncio.timeout(_EARLY_WEBHOOK_SECONDS):
                    await asyncio.shield(asyncio.gather(*announce()))
            announce = list
        if self._outcome is Misbehaviour.TIMEOUT_AFTER_BOOKING:
            announce()
            await self._say_nothing()
            return
        try:
            await self._reply(answer.reply)
        finally:
            announce()

    async def _reply(self, honest: Reply) -> None:
        match self._outcome:
            case Misbehaviour.RESET_AFTER_BOOKING:
                await self._say_nothing()
            case Misbehaviour.TRUNCATED_REPLY:
                self._note(Ended.CUT_OFF, 200)
                await self.exchange.send_cut_off(replace(honest, status=200))
            case Misbehaviour.ERROR_AFTER_BOOKING:
                await self._send(self.contract.failure(self._code()))
            case Misbehaviour.MALFORMED_REPLY:
                kind = {"content-type": "application/json"}
                await self._send(Reply(200, b"<html>It works!</html>", kind))
            case Misbehaviour.EMPTY_REPLY:
                await self._send(json_reply(200, {}))
            case _:
                await self._send(honest)

    def _announcement(self, answer: Answer) -> Callable[[], list[asyncio.Task[None]]]:
        """Make what schedules an answer's webhook, if there is one."""
        order = answer.announces
        if order is None:
            return list
        webhook = self.contract.webhook(order, self._terms().told(order))
        if webhook is None:
            return list
        due = Due(
            provider=self.contract.provider,
            webhook=webhook,
            ready_at=order.ready_at,
            how=self.picked.kind(Part.WEBHOOK),
            late_seconds=self.picked.seconds(Misbehaviour.WEBHOOK_LATE),
            settled=lambda: self.contract.ledger.note_announced(order),
        )
        return lambda: [self.webhooks.schedule(due)]

    async def _say_nothing(self) -> None:
        if self._outcome in (Misbehaviour.RESET_BEFORE_BOOKING, Misbehaviour.RESET_AFTER_BOOKING):
            self._note(Ended.RESET)
            self.exchange.reset()
        else:
            self._note(Ended.HUNG)
            await self.exchange.client_leaves()

    async def _send(self, reply: Reply) -> None:
        # Noted first: whoever has the reply may look at once.
        self._note(Ended.REPLIED, reply.status)
        try:
            await self.exchange.send(reply)
        except ConnectionError:
            self._note(Ended.CLIENT_LEFT)
            raise

    def _note(self, ended: Ended, status: int | None = None) -> None:
        self.call.ended, self.call.status = ended, status
        self.changed()

    def _code(self) -> int:
        return int(self.picked[Part.OUTCOME].number("code"))
