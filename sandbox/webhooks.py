"""Webhooks: sent when their order is ready, repeated until a 2xx answers, late or lost on request.

Airalo repeats a webhook 20 times, 15 minutes apart; here it is a few times, a moment apart.
"""

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

import httpx

from sandbox.contracts.contract import Webhook
from sandbox.misbehaviours import Misbehaviour
from sandbox.settings import SandboxSettings

_ANSWER_WITHIN_SECONDS = 10.0


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A webhook that is to be sent.

    Attributes:
        ready_at: not before that (wall time).
        how: the misbehaviour that applies to it.
        settled: called once nothing is left to send.
    """

    provider: str
    webhook: Webhook
    ready_at: float = 0.0
    how: Misbehaviour | None = None
    late_seconds: float = 0.0
    settled: Callable[[], None] = _nothing


@dataclass(slots=True)
class SentWebhook:
    """One webhook that went out, and every answer to it: a status, or why there was none."""

    provider: str
    url: str
    headers: dict[str, str]
    body: bytes = field(repr=False)
    answers: list[int | str] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        """Whether a 2xx answered it in the end."""
        last = self.answers[-1] if self.answers else None
        return isinstance(last, int) and httpx.codes.is_success(last)


@cache
def _public_authorities() -> ssl.SSLContext:
    """Trust the public authorities. Reading them is slow, so a process does it once."""
    return httpx.create_ssl_context(trust_env=False)


class Webhooks:
    """Everything that is sent to the operator's side."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()
        self._not_ready: set[asyncio.Task[None]] = set()
        self._held: dict[str, list[Due]] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._hurry = asyncio.Event()
        self._client = httpx.AsyncClient(
            timeout=_ANSWER_WITHIN_SECONDS, trust_env=False, verify=_public_authorities()
        )
        self.sent: list[SentWebhook] = []

    def schedule(self, due: Due) -> "asyncio.Task[None]":
        """Send it when it is due, beside everything else."""
        task = asyncio.create_task(self._deliver(due))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def send(self, provider: str, webhook: Webhook, how: Misbehaviour | None) -> SentWebhook:
        """Send it now, until a 2xx answers or the attempts are spent."""
        sent = SentWebhook(provider, webhook.url, _headers(webhook, how), webhook.body)
        self.sent.append(sent)
        for attempt in range(self._settings.webhook_attempts):
            if attempt:
                await self._pause(self._settings.webhook_retry_seconds)
            sent.answers.append(await self._post(sent))
            if sent.accepted:
                break
        return sent

    async def wait(self, timeout_seconds: float) -> None:
        """Wait until nothing is under way; what is held back stays so.

        Raises:
            TimeoutError: it took longer.
        """
        async with asyncio.timeout(timeout_seconds):
            while self._tasks:
                await asyncio.wait(set(self._tasks))

    async def flush(self) -> int:
        """Send at once what is held back, late or waits for a repetition; returns how many."""
        held = [due for dues in self._held.values() for due in dues]
        self._held.clear()
        waiting = self._tasks - self._not_ready
        self._hurry.set()
        for due in held:
            await self._send_due(due)
        if waiting:
            await asyncio.wait(waiting)
        self._hurry.clear()
        return len(held) + len(waiting)

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def _deliver(self, due: Due) -> None:
        await self._until_ready(due.ready_at)
        await self._pause(due.late_seconds)
        if due.how is Misbehaviour.WEBHOOK_LOST:
            due.settled()
        elif due.how is Misbehaviour.WEBHOOK_OUT_OF_ORDER:
            self._held.setdefault(due.provider, []).append(due)
        else:
            async with self._turns[due.provider]:  # in the order in which they became due
                await self._send_due(due)
                for held in self._held.pop(due.provider, []):
                    await self._send_due(held)

    async def _send_due(self, due: Due) -> None:
        sent = await self.send(due.provider, due.webhook, due.how)
        if due.how is Misbehaviour.WEBHOOK_TWICE:
            await self.send(due.provider, due.webhook, due.how)
        if sent.accepted:
            due.settled()

    async def _until_ready(self, ready_at: float) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has a task
        self._not_ready.add(task)
        try:
            await asyncio.sleep(max(ready_at - time.time(), 0.0))
        finally:
            self._not_ready.discard(task)

    async def _pause(self, seconds: float) -> None:
        """Wait, unless somebody is in a hurry."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), seconds)

    async def _post(self, sent: SentWebhook) -> int | str:
        try:
            answer = await self._client.post(sent.url, content=sent.body, headers=sent.headers)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # the URL is a client's
            return type(error).__name__
        return answer.status_code


def _headers(webhook: Webhook, how: Misbehaviour | None) -> dict[str, str]:
    headers = dict(webhook.headers)
    if webhook.signature_header and how is not Misbehaviour.WEBHOOK_UNSIGNED:
        forged = how is Misbehaviour.WEBHOOK_FORGED
        headers[webhook.signature_header] = webhook.wrong_signature if forged else webhook.signature
    return headers
