"""The alarm of a worker: runs whose workflow tasks fail in this very process.

Temporal's core says so on its log and nowhere else. From outside such a run looks as if every
worker were away.
"""

import logging
import re
import time
from collections import OrderedDict
from dataclasses import dataclass

import structlog
from temporalio.client import Client
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import RPCError

from domain.errors import EngineUnavailable
from domain.redaction import as_note
from workflows.standstill import find_standstill

_CORE = "temporalio.core"
_FAILING = "Failing workflow task"
_MESSAGE = re.compile(r'message: "((?:[^"\\]|\\.){0,500})')
_CAUSE = re.compile(r"force_cause: (\w+)")
_MOST_RUNS = 1000

# A failure is reported to Temporal after it was logged: until then Temporal knows nothing of it.
_FRESH_SECONDS = 10.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Failure:
    """What is known of a run whose task failed here."""

    reason: str
    heard_at: float
    workflow_id: str | None = None


class FailingTasks(logging.Filter):
    """Hears of each failure, says so at ERROR, and asks Temporal whether it still holds."""

    def __init__(self, *, fresh_seconds: float = _FRESH_SECONDS) -> None:
        super().__init__()
        self._fresh_seconds = fresh_seconds
        self._failures: OrderedDict[str, _Failure] = OrderedDict()

    def runtime(self) -> Runtime:
        """Make the runtime of a client whose core logs as everything else here does."""
        logger = logging.getLogger(_CORE)
        logger.addFilter(self)
        forwarding = LogForwardingConfig(logger=logger, append_target_to_name=False)
        level = TelemetryFilter(core_level="WARN", other_level="ERROR")
        return Runtime(
            telemetry=TelemetryConfig(logging=LoggingConfig(filter=level, forwarding=forwarding))
        )

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a line of Temporal's core pass, unless it is said better here."""
        entry = record.__dict__.pop("temporal_log", None)
        if entry is None or entry.message != _FAILING:
            return True
        self.hear(str(entry.fields.get("run_id", "")), str(entry.fields.get("failure", "")))
        return False

    def hear(self, run_id: str, failure: str) -> None:
        """Remember a run and say that it stands still; `failure` is as the core prints it."""
        cause, message = _CAUSE.search(failure), _MESSAGE.search(failure)
        reason = as_note(message[1] if message else "no reason given")
        log.error(
            "workflow_stands_still",
            run_id=run_id,
            cause=cause[1] if cause else "unknown",
            reason=reason,
        )
        self._failures[run_id] = _Failure(reason, time.monotonic())
        if len(self._failures) > _MOST_RUNS:
            self._failures.popitem(last=False)

    async def check(self, client: Client) -> None:
        """Look whether a run that failed here still stands still; forget those that do not.

        Raises:
            EngineUnavailable: one does, with its name and why; or Temporal does not answer.
        """
        for run_id, failure in list(self._failures.items()):
            if await self._holds(client, run_id, failure):
                name = failure.workflow_id or f"run {run_id}"
                more = len(self._failures) - 1
                others = f"; so do up to {more} more" if more else ""
                raise EngineUnavailable(f"{name} stands still: {failure.reason}{others}")
            del self._failures[run_id]

    async def _holds(self, client: Client, run_id: str, failure: _Failure) -> bool:
        if failure.workflow_id is None:
            failure.workflow_id = await _workflow_of(client, run_id)
        if time.monotonic() - failure.heard_at < self._fresh_seconds:
            return True
        if failure.workflow_id is None:
            return False
        return await find_standstill(client, failure.workflow_id, run_id) is not None


async def _workflow_of(client: Client, run_id: str) -> str | None:
    """Find the workflow of a run; None if Temporal does not list it, or not yet."""
    try:
        async for found in client.list_workflows(f"RunId = '{run_id}'", limit=1):
            return found.id
    except RPCError as error:
        raise EngineUnavailable(f"Temporal does not answer ({error.status.name}).") from None
    return None
