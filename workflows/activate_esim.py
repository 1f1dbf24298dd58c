"""One paid order becomes one eSIM: the durable story of an activation."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.apply import Applied, Assignment
    from activities.progress import Ending, FailedRound, Request
    from activities.reserve import Release, ReservationRequest
    from domain.consequence import OnFailure
    from domain.errors import InvalidInput, NotWaiting
    from domain.event import EventKind
    from domain.profile import ProfileStatus

from workflows import details, messages, policies, steps
from workflows.compensation import UndoStack, shielded
from workflows.inputs import Asked, read_request, read_start
from workflows.messages import (
    ActivationRequest,
    ActivationResult,
    ActivationState,
    Failure,
    Intervention,
    Step,
)
from workflows.outcome import classify, kind_of, parked_state
from workflows.purchase import Buyer
from workflows.rounds import Rounds
from workflows.waits import is_flooded, woken_within


class _Cancelled(Exception):
    """Somebody asked for the end, and it is not too late."""

    def __init__(self, request: Intervention) -> None:
        super().__init__(request.reason)
        self.request = request


@workflow.defn(dynamic=True)  # so that inputs come unread: see `inputs`
class ActivateEsimWorkflow:
    """Reserve or buy, apply, deliver; retry in rounds; wait for a person when rounds are spent."""

    @workflow.init
    def __init__(self, inputs: Sequence[RawValue]) -> None:
        request, self._refusal = read_start(inputs)
        self._order_id = request.order_id
        self._provider = request.provider  # chosen by a person; else the plan's route
        self._purchase = Buyer(request.order_id)
        self._failed_rounds = request.failed_rounds
        self._failure = request.waiting_for
        self._rounds = Rounds(request.short_rounds, request.outage_rounds, request.next_round_at)
        self._delay = timedelta()
        self._undo = UndoStack()
        self._requests: list[tuple[str, Intervention]] = []
        self._step = Step.STARTING
        self._item_id: int | None = None
        self._next_round_at: str | None = None

    @workflow.run
    async def run(self, inputs: Sequence[RawValue]) -> ActivationResult:  # noqa: ARG002 - read before
        """Activate, however many rounds it takes; end assigned or cancelled."""
        if workflow.info().workflow_type != messages.WORKFLOW:
            raise RuntimeError("There is no such workflow here; a later version may have it.")
        if self._refusal is not None:
            raise self._refusal
        try:
            if self._failure is not None:
                await self._wait_for_a_person(self._failure)
            while not await self._round():
                await self._wait_for_the_next_round()
            status = ProfileStatus.ACTIVATED
        except _Cancelled as ended:
            status = await self._cancel(ended.request)
        except BaseException as error:
            if not is_cancelled_exception(error):
                raise  # an eviction or a defect: neither may compensate
            await self._cancel(Intervention("temporal", "the workflow was cancelled in Temporal"))
            await self._settle_purchase()
            await shielded(self._answer_everyone)
            raise
        await self._settle_purchase()
        return await self._end(status)

    async def _round(self) -> bool:
        """Try the whole path once; False if it failed, and then it is undone and recorded."""
        try:
            item_id = await self._reserve() or await self._buy()
            applied = await self._apply(item_id)
            if not applied.handed_over:
                await self._deliver()
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            failure = classify(error)
            if kind_of(failure).on_failure is OnFailure.FAIL_THE_RUN:
                await self._answer_everyone()
                raise
            await self._fail(failure)
            return False
        return True

    async def _reserve(self) -> int | None:
        await self._check_requests(Step.RESERVING)
        self._undo.push(self._release)
        request = ReservationRequest(self._order_id, self._provider)
        reservation = await steps.reserve_inventory(request)
        self._item_id = reservation.item_id
        self._purchase.open_at = reservation.open_purchase_at
        if reservation.item_id is None:
            self._purchase.seller = reservation.provider
        return reservation.item_id

    async def _buy(self) -> int:
        await self._check_requests(Step.BUYING)
        self._item_id = await self._purchase.buy(
            only_here=self._provider is not None,
            interrupted=lambda: bool(self._requests),
            check_requests=lambda: self._check_requests(Step.BUYING),
        )
        return self._item_id

    async def _apply(self, item_id: int) -> Applied:
        await self._check_requests(Step.APPLYING)
        applied = await steps.apply_profile(Assignment(self._order_id, item_id))
        self._undo.forget()
        return applied

    async def _deliver(self) -> None:
        self._step = Step.DELIVERING
        await steps.deliver_instructions(self._order_id)

    async def _release(self) -> None:
        ending = self._step is Step.ENDED
        reason = "activation ended" if ending else "the round failed"
        await steps.release_inventory(Release(self._order_id, reason, ending))
        self._item_id = None

    async def _fail(self, failure: Failure) -> None:
        """Undo the round, and decide what is waited for."""
        if kind_of(failure).on_failure is OnFailure.CANCEL:
            raise _Cancelled(Intervention("activation", failure.reason))
        await self._undo.unwind()
        self._failed_rounds += 1
        if failure.parks_as is None and not self._rounds.are_left(failure):
            failure = Failure(failure.code, failure.reason, parked_state(failure))
        if kind_of(failure).drops_seller:
            self._provider = None  # the next round goes back to the plan's route
        self._failure = failure
        self._delay = self._rounds.plan(failure)
        delay = None if failure.parks_as else self._delay
        await steps.record_failed_round(
            FailedRound(
                self._order_id,
                failure.code,
                failure.reason,
                self._failed_rounds,
                failure.parks_as,
                delay.total_seconds() if delay else None,
            )
        )

    async def _wait_for_the_next_round(self) -> None:
        self._stop_if_cancelled()
        failure = self._failure
        if failure is None or failure.parks_as is not None:
            await self._wait_for_a_person(failure)
        else:
            if await self._pause(failure, self._delay):
                self._rounds.pass_one()
            if not self._requests:
                self._continue_if_long()
        self._failure = None
        self._next_round_at = None
        details.trying_again(self._state())

    async def _pause(self, failure: Failure, delay: timedelta) -> bool:
        """Wait for the next automatic round; False if a retry has ended the wait."""
        self._step = Step.WAITING
        self._next_round_at = (workflow.now() + delay).isoformat(timespec="seconds")
        details.waiting(self._state(), failure)
        if not await woken_within(delay, lambda: bool(self._requests), "Next round"):
            return True
        await self._take_requests()
        return False

    async def _wait_for_a_person(self, failure: Failure | None) -> None:
        """Sleep, for months if need be, until somebody sends a retry or a cancel."""
        self._step = Step.PARKED
        details.parked(self._state(), failure)
        exhausted = failure is not None and failure.parks_as is ProfileStatus.EXHAUSTED
        patience = policies.EXHAUSTED_RECHECK if exhausted else policies.PARKED_REMINDER
        in_review = failure is not None and failure.parks_as is ProfileStatus.NEEDS_REVIEW
        while not await self._take_requests():
            if self._purchase.take_news() and in_review:
                break  # what was in doubt may have been delivered
            self._continue_if_long()
            if not await woken_within(patience, self._is_asked, "Still waiting") and exhausted:
                break  # stock may have come instead
        self._rounds.start_over()

    def _is_asked(self) -> bool:
        return bool(self._requests) or self._purchase.has_news or is_flooded()

    def _continue_if_long(self) -> None:
        """Go on as a new run once the history is long, unless somebody is being answered."""
        if workflow.info().get_current_history_length() < policies.MAXIMUM_HISTORY_EVENTS:
            return
        if not workflow.all_handlers_finished():
            return
        parked = self._failure if self._step is Step.PARKED else None
        workflow.continue_as_new(
            ActivationRequest(
                self._order_id,
                self._provider,
                self._failed_rounds,
                parked,
                self._rounds.outage,
                self._rounds.short,
                self._rounds.due,
            )
        )

    async def _take_requests(self) -> bool:
        """Record what was asked for while waiting; True if a retry is among it."""
        retried = False
        for name, request in self._drain():
            if name == messages.CANCEL:
                raise _Cancelled(request)
            await self._record(EventKind.RETRY_REQUESTED, request)
            self._provider = request.provider or self._provider
            retried = True
        return retried

    async def _check_requests(self, step: Step) -> None:
        """Heed requests before a step: a cancel ends it all, a retry has nothing to retry."""
        self._step = step
        self._stop_if_cancelled()
        for name, request in self._drain():
            if name == messages.CANCEL:
                raise _Cancelled(request)
            await self._record(EventKind.REQUEST_IGNORED, request)

    def _stop_if_cancelled(self) -> None:
        """Act on a cancellation in Temporal that came while something had to end first.

        A provider call or an undo swallows it: they finish, and their outcome comes back instead.
        """
        if workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError

    def _drain(self) -> Iterator[tuple[str, Intervention]]:
        while self._requests:
            yield self._requests.pop(0)

    async def _record(self, kind: EventKind, request: Intervention) -> None:
        """Put a request into the audit trail; a record that fails never ends the activation.

        Temporal fails the whole run if a signal's handler lets a step's failure through.
        """
        recorded = Request(self._order_id, kind, request.actor, request.reason, request.door)
        try:
            await steps.record_request(recorded)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            code = classify(error).code
            workflow.logger.warning("request_not_recorded", extra={"kind": kind, "code": code})

    async def _cancel(self, request: Intervention) -> ProfileStatus:
        """Undo and end, even while Temporal itself asks for cancellation; harmless if too late."""
        self._step = Step.ENDED
        ended_as: list[ProfileStatus] = []

        async def end() -> None:
            """Record who asked, undo what was done, and write the end down."""
            await self._record(EventKind.CANCEL_REQUESTED, request)
            await self._undo.unwind()
            ending = Ending(self._order_id, request.actor, request.reason, request.door)
            ended_as.append(await steps.cancel_activation(ending))

        await shielded(end)
        details.ended(self._state(), ended_as[0])
        return ended_as[0]

    async def _settle_purchase(self) -> None:
        """Stay until what was sent to a provider is settled, although the customer's part is over.

        An activation that bought nothing, or whose purchase it ended with, has nothing to settle.
        """
        ended_with_an_esim = self._item_id is not None and self._step is not Step.ENDED
        if ended_with_an_esim and not self._purchase.open_at:
            return
        await shielded(self._purchase.settle)

    async def _end(self, status: ProfileStatus) -> ActivationResult:
        self._step = Step.ENDED
        await self._answer_everyone()
        details.ended(self._state(), status)
        return ActivationResult(self._order_id, status, self._item_id)

    async def _answer_everyone(self) -> None:
        """Let every handler finish before the end, and record what came too late as ignored."""
        while self._requests or not workflow.all_handlers_finished():
            await workflow.wait_condition(workflow.all_handlers_finished)
            for _, request in self._drain():
                await self._record(EventKind.REQUEST_IGNORED, request)

    @workflow.signal(dynamic=True)
    async def hear(self, name: str, inputs: Sequence[RawValue]) -> None:
        """Take a retry, a cancel or news of a purchase, whatever its shape.

        A retry is ignored unless the activation waits and has the provider asked for, a cancel
        once the eSIM is assigned, and anything that cannot be understood: the trail says why.
        """
        if name == messages.PURCHASE_NEWS:
            self._purchase.hear()
            return
        asked = read_request(name, inputs)
        known = asked.fault is None and asked.earlier is not None
        if known or workflow.patched(messages.ANY_SHAPE):
            await self._take(name, asked)
        elif asked.earlier is not None:
            await self._take(name, Asked(asked.earlier))

    async def _take(self, name: str, asked: Asked) -> None:
        """Keep a request for whoever waits, or note why nobody acts on it."""
        request, why = asked.request, asked.fault
        if why is None and name == messages.RETRY:
            refusal = await self._unknown(request.provider)
            why = refusal.reason if refusal else None
        if why is None:
            self._requests.append((name, request))
            return
        both = f"{why} (asked: {request.reason})"
        await self._record(EventKind.REQUEST_IGNORED, replace(request, reason=both))

    @workflow.update(dynamic=True)
    async def retry_now(self, name: str, inputs: Sequence[RawValue]) -> ActivationState:
        """Try again now, or tell the caller why not."""
        request = read_request(name, inputs).request
        # Looked at again: the activation may have gone on while the provider was looked up.
        refusal = await self._unknown(request.provider) or self._not_waiting()
        if refusal is not None:
            raise ApplicationError(refusal.reason, type=refusal.code, non_retryable=True)
        self._requests.append((messages.RETRY, request))
        return self._state()

    @retry_now.validator
    def _may_retry(self, name: str, inputs: Sequence[RawValue]) -> None:
        fault = read_request(name, inputs).fault
        if fault or name != messages.RETRY:
            raise InvalidInput(fault or "A cancel is a signal.")
        refusal = self._not_waiting()
        if refusal is not None:
            raise NotWaiting(refusal.reason)

    def _not_waiting(self) -> Failure | None:
        if self._step in {Step.WAITING, Step.PARKED}:
            return None
        reason = f"The activation is {self._step}: there is nothing to retry."
        return Failure(NotWaiting.code, reason)

    async def _unknown(self, provider: str | None) -> Failure | None:
        """Say why nobody here buys from a provider; None if somebody does, or if none was named."""
        if not provider:
            return None
        try:
            await steps.check_provider(provider)
        except FailureError as error:
            return classify(error)
        return None

    @workflow.query(name=messages.STATE)
    def state(self) -> ActivationState:
        """Say where the activation stands."""
        return self._state()

    def _state(self) -> ActivationState:
        return ActivationState(
            self._order_id,
            self._step,
            self._failed_rounds,
            self._item_id,
            self._purchase.seller or self._provider,
            self._failure,
            self._next_round_at,
        )
