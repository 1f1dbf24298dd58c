"""`esimctl reviews` and `esimctl review`: purchases whose outcome a person must settle."""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from cli import purchases
from cli.actor import ActorOption, operating_user
from cli.backends import postgres
from cli.listing import LimitOption, default_limit
from cli.status import OrderArgument, plain, show_timeline
from cli.terminal import console, note, say
from db.review_views import Review
from db.rows import LARGEST_ID
from domain.printable import visible
from domain.profile import ProfileStatus
from domain.purchase import PurchaseState, Resolution
from operations import review_page
from operations.counting import counted
from operations.review_page import Page

REVIEWS_EXAMPLE = "Example: esimctl reviews --provider CONNECTED_YOU"
REVIEW_EXAMPLE = "Example: esimctl review 42 (or: esimctl review 42 --show-reply 7)"

_OPTIONS = {
    Resolution.EXISTS: "--exists",
    Resolution.ABSENT: "--absent",
    Resolution.GIVEN_UP: "--give-up",
}


_LOOKS_BY_ITSELF = frozenset({ProfileStatus.PENDING_ACTIVATION})


def reviews(
    provider: Annotated[str | None, typer.Option(help="Only purchases at this one.")] = None,
    limit: LimitOption = None,
    ids: Annotated[bool, typer.Option("--ids", help="Print the order ids alone.")] = False,
) -> None:
    """List purchases that wait for a decision, newest first."""
    limit = limit or default_limit(ids=ids)
    found = asyncio.run(_waiting(provider, limit))
    if ids:
        for review in found:
            say(str(review.order_id))
    else:
        _show_list(found)
    if len(found) == limit:
        note(f"The newest {limit}; more with --limit.")


def review(
    order: OrderArgument,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    show_reply: Annotated[
        int | None,
        typer.Option(
            "--show-reply",
            min=1,
            max=LARGEST_ID,
            metavar="ID",
            help="Print this quarantined reply as it came, and nothing else. It most likely holds"
            " a code: that you read it is put on record.",
        ),
    ] = None,
    actor: ActorOption = operating_user(),
) -> None:
    """Show an order's purchase in doubt: all to decide by."""
    if show_reply is not None:
        _write_raw(asyncio.run(_reply(order, show_reply, actor)))
        return
    page = asyncio.run(_page(order))
    if as_json:
        sys.stdout.write(json.dumps(_as_json(page), default=plain, indent=2))
        sys.stdout.write("\n")
    else:
        _show(page)


async def _waiting(provider: str | None, limit: int) -> list[Review]:
    async with postgres() as engine:
        return await review_page.waiting(engine, provider=provider, limit=limit)


async def _page(order_id: int) -> Page:
    async with postgres() as engine:
        return await review_page.page(engine, order_id)


async def _reply(order_id: int, reply_id: int, actor: str) -> str:
    async with postgres() as engine:
        return await review_page.show_reply(engine, order_id, reply_id, actor)


def _write_raw(raw: str) -> None:
    """Write a reply as it came; on a terminal nothing of it may move the cursor."""
    if sys.stdout.isatty():
        raw = visible(raw)
    sys.stdout.write(raw if raw.endswith("\n") else f"{raw}\n")


def _as_json(page: Page) -> dict[str, Any]:
    return asdict(page.review) | {
        "replies": [asdict(reply) for reply in page.replies],
        "choices": _choices(page),
        "earlier_events": page.earlier_events,
        "timeline": [asdict(event) for event in page.timeline],
    }


def _choices(page: Page) -> dict[str, str]:
    """List the commands that can be run, and what each would do."""
    order_id = page.review.order_id
    return {
        f'esimctl resolve {order_id} {_OPTIONS[each]} --reason "..."': effect
        for each, effect in page.choices.items()
    }


def _show_list(found: list[Review]) -> None:
    table = Table("order", "provider", "reference", "eSIM", "sent (UTC)", "tries", "what happened")
    for one in found:
        table.add_row(
            str(one.order_id),
            one.provider,
            one.reference,
            one.profile_status,
            purchases.moment(one.sent_at) if one.sent_at else "",
            str(one.attempts),
            one.error or one.error_code or "",
        )
    console().print(table)


def _show(page: Page) -> None:
    found = page.review
    facts = purchases.facts(found)
    say(f"Order {found.order_id} ({found.order_status})", style="bold")
    lines = {
        "eSIM": found.profile_status,
        "Customer": f"user {found.user_id}",
        "Purchase": purchases.headline(facts),
        **purchases.details(facts),
        "Sent": json.dumps(found.request),
        "Came back": json.dumps(found.reply) if found.reply is not None else "nothing",
    }
    for name, value in lines.items():
        say(f"{name + ':':<16}{value}")
    for reply in page.replies:
        size = counted(reply.size, "character")
        say(f"{'In quarantine:':<16}reply {reply.id}, {size}: {reply.reason}")
    if found.state is PurchaseState.UNKNOWN and found.profile_status in _LOOKS_BY_ITSELF:
        say(f"{'Meanwhile:':<16}it is looked into by itself. Decide only if you know better.")
    for command, effect in _choices(page).items():
        say(f"{'You can:':<16}{command}")
        say(f"{'':<16}{effect}")
    show_timeline([asdict(event) for event in page.timeline], page.earlier_events)
