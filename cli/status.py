"""`esimctl status`: one order's whole story, and what to do next. Never shows a code."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from cli import purchases
from cli.backends import activations, postgres
from cli.terminal import console, say
from db import events, orders, profiles, review_views
from db.engine import transaction
from db.events import Event
from db.profiles import Profile
from db.rows import LARGEST_ID
from domain.errors import EngineUnavailable, OrderNotFound
from domain.profile import OPEN
from domain.purchase import OPEN as UNSETTLED
from operations.counting import counted
from operations.deadline import answered
from operations.next_step import next_step
from workflows.client import Activations
from workflows.messages import workflow_id

EXAMPLE = "Example: esimctl status 42 --json"

_DEPLOY = (
    "Deploy a worker that can go on with it: see Deploy in docs/operating.md."
    " Nothing is lost meanwhile, and no retry or cancel is heard."
)
_SHOWN = (
    "iccid",
    "inventory_item_id",
    "provider_reference",
    "failure_code",
    "failure_reason",
    "failed_rounds",
    "created_at",
    "started_at",
    "provisioned_at",
    "activated_at",
)

Report = dict[str, Any]

OrderArgument = Annotated[int, typer.Argument(min=1, max=LARGEST_ID, help="Order id.")]


def status(
    order: OrderArgument,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show an order's eSIM: state, history, what to do next."""
    report = asyncio.run(_report(order))
    if as_json:
        sys.stdout.write(json.dumps(report, default=plain, indent=2) + "\n")
    else:
        _show(report)


async def _report(order_id: int) -> Report:
    async with postgres() as engine, transaction(engine) as connection:
        order = await orders.find(connection, order_id)
        if order is None:
            raise OrderNotFound(f"There is no order {order_id}. Orders: esimctl list")
        profile = await profiles.find(connection, order_id)
        report: Report = {"order_id": order_id, "order_status": order.status}
        if profile is not None:
            report |= _of_profile(profile)
            bought = await review_views.purchases(connection, order_id)
            report["purchases"] = [purchases.facts(each) for each in bought]
            report["open_purchase"] = _open(report["purchases"])
        timeline, report["earlier_events"] = await events.newest(connection, order_id)
        report["timeline"] = [_of_event(event) for event in timeline]
    report["workflow"] = await _live(order_id, profile)
    doubt = report.get("open_purchase")
    purchase = doubt["state"] if doubt else None
    report["next_step"] = (
        _DEPLOY
        if "standstill" in report["workflow"]
        else next_step(order_id, order.status, profile, purchase=purchase)
    )
    return report


def _of_profile(profile: Profile) -> Report:
    """Pick the fields by name: a column added later must not show by itself."""
    facts: Report = {"status": profile.status, "plan_id": profile.plan_id}
    facts["plan_name"] = profile.plan_snapshot.get("name")
    return facts | {name: getattr(profile, name) for name in _SHOWN}


def _open(bought: list[Report]) -> Report | None:
    """Show the purchase that may still become a charge: there is one at most."""
    return next((each for each in bought if each["state"] in UNSETTLED), None)


def _of_event(event: Event) -> Report:
    return asdict(event)


async def _live(order_id: int, profile: Profile | None) -> Report:
    """Ask Temporal what it alone knows of a running activation, or say why it cannot be asked."""
    known: Report = {"id": workflow_id(order_id)}
    if profile is None or profile.status not in OPEN:
        return known
    engine = await activations()
    try:
        state = await answered(engine.state(order_id))
    except EngineUnavailable:
        return known | await _silence(engine, order_id)
    if state is None:
        return known | {"unknown": "no such workflow: it was never started, or is long gone"}
    return known | {name: value for name, value in asdict(state).items() if name != "order_id"}


async def _silence(engine: Activations, order_id: int) -> Report:
    """Say why no worker answered for a run: nobody is there, or its tasks fail."""
    try:
        standstill = await answered(engine.standstill(order_id))
    except EngineUnavailable:
        return {"unknown": "Temporal is away"}
    if standstill is None:
        return {"unknown": "every worker is away"}
    return {"unknown": str(standstill), "standstill": standstill.reason}


def _show(report: Mapping[str, Any]) -> None:
    say(f"Order {report['order_id']} ({report['order_status']})", style="bold")
    facts = {
        "eSIM": report.get("status", "none yet"),
        "Plan": _joined(report, "plan_id", "plan_name"),
        "ICCID": report.get("iccid"),
        "Stock item": report.get("inventory_item_id"),
        "Reference": report.get("provider_reference"),
        "Failure": _joined(report, "failure_code", "failure_reason"),
        "Failed rounds": report.get("failed_rounds"),
    }
    _say_all(facts)
    for purchase in report.get("purchases", []):
        _say_all({"Purchase": purchases.headline(purchase)})
        _say_all(purchases.details(purchase), indent=2)
    _say_all({"Workflow": _workflow(report["workflow"]), "Next": report["next_step"]})
    show_timeline(report["timeline"], report["earlier_events"])


def _say_all(facts: Mapping[str, Any], indent: int = 0) -> None:
    for name, value in facts.items():
        if value:
            say(f"{' ' * indent}{name + ':':<15}{value}")


def _joined(report: Mapping[str, Any], *names: str) -> str:
    return " ".join(str(report[name]) for name in names if report.get(name))


def _workflow(live: Mapping[str, Any]) -> str:
    if unknown := live.get("unknown"):
        return f"{live['id']}: {unknown}"
    if step := live.get("step"):
        due = live.get("next_round_at")
        return f"{live['id']}: {step}" + (f", next round at {due}" if due else "")
    return str(live["id"])


def show_timeline(timeline: list[Report], earlier: int) -> None:
    """Print an order's newest events, and how many came before them."""
    if earlier:
        unseen = counted(earlier, "earlier event is", "earlier events are")
        say(f"{unseen} not shown: the API's timeline of the order has all.")
    if timeline:
        console().print(_timeline_table(timeline))


def _timeline_table(timeline: list[Report]) -> Table:
    table = Table("time (UTC)", "what", "change", "actor", "detail")
    for event in timeline:
        change = f"{event['from_status']} → {event['to_status']}" if event["to_status"] else ""
        detail = event["error"] or ", ".join(f"{k}: {v}" for k, v in event["payload"].items())
        table.add_row(
            f"{event['created_at']:%Y-%m-%d %H:%M:%S}",
            event["kind"],
            change,
            event["actor"],
            detail,
        )
    return table


def plain(value: object) -> str:
    """Write a value that JSON has no form for."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
