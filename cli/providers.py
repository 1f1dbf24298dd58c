"""`esimctl providers`, `pause` and `resume`: who may be called, and how each is doing."""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Annotated

import structlog
import typer
from rich.table import Table

from cli.actor import ActorOption, operating_user
from cli.backends import activations, postgres
from cli.interventions import ReasonOption
from cli.purchases import moment
from cli.status import plain
from cli.terminal import console, note, say
from db import provider_controls, provider_views
from db.engine import transaction
from db.provider_views import ProviderView
from domain.errors import EngineUnavailable
from domain.gate import BreakerState
from domain.redaction import as_note
from providers import NAMES
from workflows.messages import Intervention

PROVIDERS_EXAMPLE = "Example: esimctl providers --json"
PAUSE_EXAMPLE = 'Example: esimctl pause CONNECTED_YOU --reason "it sells used codes"'
RESUME_EXAMPLE = 'Example: esimctl resume CONNECTED_YOU --reason "they have mended it"'

_WAKEN_AT_MOST = 1000
_AT_ONCE = 20
_ANSWER_SECONDS = 5.0

ProviderArgument = Annotated[str, typer.Argument(metavar="PROVIDER", help="As its list names it.")]


def providers(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List providers and how each is doing."""
    views = asyncio.run(_overview())
    if as_json:
        sys.stdout.write(json.dumps([asdict(view) for view in views], default=plain, indent=2))
        sys.stdout.write("\n")
    elif views:
        _show(views)
    else:
        note(f"Nothing was bought yet. What can be bought from: {', '.join(NAMES)}.")


def pause(
    provider: ProviderArgument, reason: ReasonOption, actor: ActorOption = operating_user()
) -> None:
    """Keep a provider from being called until it is resumed.

    It holds for every worker. Stock and other providers go on; what was sent already is not taken
    back. Pausing again updates who and why.
    """
    asyncio.run(_pause(provider, actor, reason))
    _log("provider_paused", provider, actor, reason)
    say(f'{provider} is paused. To let it go on: esimctl resume {provider} --reason "..."')


def resume(
    provider: ProviderArgument, reason: ReasonOption, actor: ActorOption = operating_user()
) -> None:
    """Let a provider be called again.

    Its failures are forgotten, and the orders that wait for it are asked to try again. A wait
    that it asked for itself (blocked) is still kept.
    """
    waiting = asyncio.run(_resume(provider, actor, reason))
    _log("provider_resumed", provider, actor, reason)
    say(f"{provider} may be called again.")
    asyncio.run(_wake(waiting, Intervention(actor, f"{provider} is resumed: {reason}")))


async def _overview() -> list[ProviderView]:
    async with postgres() as engine, transaction(engine) as connection:
        return await provider_views.overview(connection)


async def _pause(provider: str, actor: str, reason: str) -> None:
    async with postgres() as engine, transaction(engine) as connection:
        await provider_controls.pause(connection, provider, actor, reason, NAMES)


async def _resume(provider: str, actor: str, reason: str) -> list[int]:
    """The orders that wait for it."""
    async with postgres() as engine, transaction(engine) as connection:
        await provider_controls.resume(connection, provider, actor, reason, NAMES)
        return await provider_controls.waiting_for(connection, provider, limit=_WAKEN_AT_MOST)


async def _wake(order_ids: list[int], said: Intervention) -> None:
    """Ask each to try again. The provider is resumed, whatever comes of this."""
    woken = 0
    batches = [order_ids[start : start + _AT_ONCE] for start in range(0, len(order_ids), _AT_ONCE)]
    try:
        for some in batches:
            await _nudge(some, said)
            woken += len(some)
    except (EngineUnavailable, TimeoutError):
        note(
            f"Warning: Temporal does not answer: {woken} of the {len(order_ids)} orders that wait"
            " for it were asked to try again. The others do so by themselves.",
            style="yellow",
        )
        return
    say(f"Orders that waited for it and were asked to try again: {woken}.")
    if woken == _WAKEN_AT_MOST:
        note("Those that wait longest; the others try again by themselves.")


async def _nudge(order_ids: list[int], said: Intervention) -> None:
    async with asyncio.timeout(_ANSWER_SECONDS):
        known = await activations()
        await asyncio.gather(*(known.nudge(order_id, said) for order_id in order_ids))


def _log(event: str, provider: str, actor: str, reason: str) -> None:
    """On stderr, as the API logs it: the table keeps neither who resumed a provider nor why."""
    log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
    )
    log.warning(event, provider=provider, actor=as_note(actor), reason=as_note(reason))


def _show(views: list[ProviderView]) -> None:
    table = Table("provider", "health", "why", "last call", "balance", "bought 1 h / 24 h", "open")
    for view in views:
        table.add_row(
            view.name,
            view.health,
            _why(view),
            _last_call(view),
            _balance(view),
            f"{view.purchases_last_hour} / {view.purchases_last_day}",
            ", ".join(f"{number} {state}" for state, number in view.open_purchases.items()),
        )
    console().print(table)


def _why(view: ProviderView) -> str:
    reasons = []
    if view.paused and view.paused_at:
        since = moment(view.paused_at)
        reasons.append(f"paused by {view.paused_by} since {since}: {view.paused_reason}")
    if view.blocked_until:
        reasons.append(f"asked to be left alone until {moment(view.blocked_until)}")
    if view.breaker is not BreakerState.CLOSED:
        due = f", next probe {moment(view.probe_at)}" if view.probe_at else ""
        reasons.append(f"breaker {view.breaker}{due}")
    if view.failures:
        reasons.append(f"{view.failures} failures in a row")
    return "; ".join(reasons)


def _last_call(view: ProviderView) -> str:
    calls: list[str] = []
    if view.last_success_at:
        calls.append(f"answered {moment(view.last_success_at)}")
    if view.last_failure_at:
        calls.append(f"{view.last_failure_code} {moment(view.last_failure_at)}")
    return "; ".join(calls)


def _balance(view: ProviderView) -> str:
    if view.balance is None:
        return ""
    read = f" ({moment(view.balance_at)})" if view.balance_at else ""
    return f"{view.balance.normalize():f} {view.balance_currency or ''}".strip() + read
