"""`esimctl providers`, `pause` and `resume`: who may be called, and how each is doing."""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from cli.actor import ActorOption, operating_user
from cli.backends import activations, postgres
from cli.interventions import ReasonOption
from cli.purchases import moment
from cli.status import plain
from cli.terminal import console, note, say
from db.provider_views import ProviderView
from domain.gate import BreakerState, Health
from operations import providers as deeds
from operations.counting import counted
from operations.providers import Resumed

PROVIDERS_EXAMPLE = "Example: esimctl providers --json"
PAUSE_EXAMPLE = 'Example: esimctl pause CONNECTED_YOU --reason "it sells used codes"'
RESUME_EXAMPLE = 'Example: esimctl resume CONNECTED_YOU --reason "they have mended it"'

ProviderArgument = Annotated[str, typer.Argument(metavar="PROVIDER", help="As its list names it.")]


def providers(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List providers and how each is doing."""
    views = asyncio.run(_overview())
    if as_json:
        facts = [asdict(view) | {"next_step": view.next_step} for view in views]
        sys.stdout.write(json.dumps(facts, default=plain, indent=2))
        sys.stdout.write("\n")
    elif views:
        _show(views)
    else:
        note("No provider is known here yet: each worker says what it offers once it starts.")


def pause(
    provider: ProviderArgument, reason: ReasonOption, actor: ActorOption = operating_user()
) -> None:
    """Keep a provider from being called until it is resumed.

    It holds for every worker. Stock and other providers go on; what was sent already is not taken
    back. Pausing again updates who and why.
    """
    name = asyncio.run(_pause(provider, actor, reason)).name
    say(f'{name} is paused. To let it go on: esimctl resume {name} --reason "..."')


def resume(
    provider: ProviderArgument, reason: ReasonOption, actor: ActorOption = operating_user()
) -> None:
    """Let a provider be called again.

    Its failures are forgotten, and the orders that wait for it are asked to try again. A wait
    that it asked for itself (blocked) is still kept.
    """
    resumed = asyncio.run(_resume(provider, actor, reason))
    say(f"{resumed.view.name} may be called again.")
    say(f"Orders that waited for it and were asked to try again: {resumed.woken}.")
    if resumed.woken < resumed.waiting:
        note(f"Warning: {resumed.next_step}", style="yellow")
    else:
        say(f"Next: {resumed.next_step}")


async def _overview() -> list[ProviderView]:
    async with postgres() as engine:
        return await deeds.overview(engine)


async def _pause(provider: str, actor: str, reason: str) -> ProviderView:
    async with postgres() as engine:
        return await deeds.pause(engine, provider, actor, reason)


async def _resume(provider: str, actor: str, reason: str) -> Resumed:
    async with postgres() as engine:
        return await deeds.resume(engine, await activations(), provider, actor, reason)


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
    for view in views:
        if view.health is Health.CREDENTIALS_REFUSED:
            note(f"{view.name} refuses our credentials. {view.next_step}", style="red")


def _why(view: ProviderView) -> str:
    reasons = [] if view.offered else ["not offered by the worker"]
    if view.health is Health.CREDENTIALS_REFUSED:
        reasons.append("it refuses our credentials")
    if view.paused and view.paused_at:
        since = moment(view.paused_at)
        reasons.append(f"paused by {view.paused_by} since {since}: {view.paused_reason}")
    if view.blocked_until:
        reasons.append(f"asked to be left alone until {moment(view.blocked_until)}")
    if view.breaker is not BreakerState.CLOSED:
        due = f", next probe {moment(view.probe_at)}" if view.probe_at else ""
        reasons.append(f"breaker {view.breaker}{due}")
    if view.failures:
        reasons.append(f"{counted(view.failures, 'failure')} in a row")
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
