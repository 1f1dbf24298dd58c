"""Every query of the service that reads or claims something, asked of a database that has grown.

Each one asks for another order every time, by a number that runs. What one changes is rolled back.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db import (
    catalogue,
    events,
    gates,
    good_path,
    notices,
    nudges,
    orders,
    payments,
    profiles,
    provider_controls,
    provider_views,
    purchases,
    repeated_calls,
    returns,
    review_views,
    reviews,
    stock,
    stock_codes,
    stock_import,
    stock_views,
    users,
)
from db.purchases import Purchase
from db.spend_guard import Spending
from db.stock_import import StockRow
from domain.errors import ProviderUnavailable
from domain.event import Origin
from domain.gate import ProviderLimits, SpendLimits
from domain.notice import Notice, NoticeKind
from domain.payment import PaymentStatus
from domain.profile import ProfileStatus
from domain.provider import Balance
from domain.stock import StockStatus
from operations.waking import WAITING_AT_MOST
from tests.bench.bulk import PROVIDERS, RESELLER

PAGE = 100

_PROVIDER = PROVIDERS[0]
_STRIDE = 7919
_ORIGIN = Origin("worker", "activate-esim-1", "00000000-0000-0000-0000-000000000000", 1)
_LIMITS = ProviderLimits(rate_per_second=1000, purchases_per_hour=1_000_000)
_ALLOWANCE = SpendLimits(purchases_per_hour=1_000_000, purchases_per_hour_per_user=1_000_000)


@dataclass(frozen=True, slots=True)
class Place:
    """Which row to ask for.

    Attributes:
        orders: how many there are in all.
        number: runs from 1.
    """

    orders: int
    number: int

    @property
    def order_id(self) -> int:
        """Any order, far from the last one."""
        return 1 + self.number * _STRIDE % self.orders

    @property
    def bought(self) -> int:
        """An order whose eSIM was bought."""
        return self.order_id // 10 * 10 or 10

    @property
    def unpaid(self) -> int:
        """An order that nobody has paid for."""
        return (self.order_id - 1) // 10 * 10 + 9

    @property
    def begins(self) -> int:
        """A paid order whose activation has not begun."""
        return (self.order_id - 1) // 1000 * 1000 + 7

    @property
    def reserved(self) -> int:
        """An order that holds an item, and is to have it."""
        return (self.order_id - 1) // 5000 * 5000 + 53

    @property
    def in_doubt(self) -> int:
        """An order of the bad day whose purchase waits for a person."""
        return self.orders // 10 + 2 + 20 * (self.number % 5)

    @property
    def user_id(self) -> int:
        """A customer with a handful of orders."""
        return 2 + self.number * _STRIDE % (self.orders // 5 - 2)

    @property
    def before(self) -> int:
        """Where a page in the midst of a list ends."""
        return self.orders // 2 + self.number


@dataclass(frozen=True, slots=True)
class Query:
    """One question to the database, under the name of the function that asks it.

    Attributes:
        reads: how many rows of one table it may look at, however many there are.
    """

    name: str
    ask: Callable[[AsyncConnection, Place], Awaitable[object]]
    reads: int = 5 * PAGE


async def select_one(connection: AsyncConnection, _: Place) -> object:
    """The least that Postgres can be asked."""
    return await connection.execute(text("SELECT 1"))


async def _take(connection: AsyncConnection, at: Place) -> object:
    plan_id = 1 + at.number % 100
    return await stock.take(
        connection, order_id=at.unpaid, plan_id=plan_id, carrier_id=None, country_id=None
    )


async def _returns_in_doubt(connection: AsyncConnection, at: Place) -> object:
    bought = await _bought(connection, at)
    return await returns.returns_in_doubt(connection, bought, f"8934{at.order_id:015d}")


async def _is_named_alone(connection: AsyncConnection, at: Place) -> object:
    named = replace(await _bought(connection, at), provider_order_id=f"8934{at.order_id:015d}")
    return await repeated_calls.is_named_alone(connection, named)


async def _bought(connection: AsyncConnection, at: Place) -> Purchase:
    if (bought := await purchases.bought_for(connection, at.bought)) is None:
        raise RuntimeError(f"nothing was bought for order {at.bought}")
    return bought


async def _reserve(connection: AsyncConnection, at: Place) -> object:
    if (item_id := await good_path.reserve(connection, at.begins, _ORIGIN)) is None:
        raise RuntimeError(f"nothing was reserved for order {at.begins}")
    return item_id


async def _assign(connection: AsyncConnection, at: Place) -> object:
    item_id = at.reserved
    if not await good_path.assign(connection, at.reserved, item_id, _ORIGIN, handed_over=True):
        raise RuntimeError(f"nothing was assigned to order {at.reserved}")
    return item_id


async def _claim(connection: AsyncConnection, at: Place) -> object:
    profile = await profiles.lock(connection, at.order_id)
    return await nudges.claim(connection, profile, cooldown_seconds=30)


async def _pay(connection: AsyncConnection, at: Place) -> object:
    return await payments.report(connection, "mock", f"pi_{at.unpaid}", PaymentStatus.SUCCEEDED)


async def _pay_twice(connection: AsyncConnection, at: Place) -> object:
    return await payments.report(connection, "mock", f"pi_{at.bought}", PaymentStatus.SUCCEEDED)


async def _intent(connection: AsyncConnection, at: Place) -> object:
    order = await orders.lock(connection, at.unpaid)
    return order and await payments.pending_for(connection, order, "mock")


async def _place(connection: AsyncConnection, at: Place) -> object:
    plan = await catalogue.find(connection, 1 + at.number % 100)
    return plan and await orders.place(
        connection, user_id=at.user_id, plan=plan, idempotency_key=f"new-{at.number}"
    )


def _notice(kind: NoticeKind, number: int, **named: str) -> Notice:
    return Notice(f"new-{number}", kind, number % 2 == 1, **named)


async def _told(connection: AsyncConnection, at: Place) -> object:
    ready = _notice(NoticeKind.ORDER_READY, at.number, provider_order_id=f"PO-{at.bought}")
    return await notices.receive(connection, PROVIDERS[at.bought // 5 % 3], [ready])


async def _told_by_reference(connection: AsyncConnection, at: Place) -> object:
    ready = _notice(NoticeKind.ORDER_READY, at.number, reference=f"order-{at.bought}")
    return await notices.receive(connection, PROVIDERS[at.bought // 5 % 3], [ready])


async def _told_of_a_download(connection: AsyncConnection, at: Place) -> object:
    taken = _notice(NoticeKind.DOWNLOADED, at.number, iccid=f"8934{at.bought:015d}")
    return await notices.receive(connection, PROVIDERS[at.bought // 5 % 3], [taken])


async def _enter(connection: AsyncConnection, at: Place) -> object:
    spending = Spending(_ALLOWANCE, at.user_id)
    return await gates.enter(connection, _PROVIDER, _LIMITS, now=None, spending=spending)


async def _fail(connection: AsyncConnection, _: Place) -> object:
    return await gates.report(connection, _PROVIDER, _LIMITS, ProviderUnavailable("x"), now=None)


async def _note_balance(connection: AsyncConnection, _: Place) -> object:
    await gates.note_balance(connection, _PROVIDER, Balance(Decimal(100), "USD"))
    return await gates.claim_balance(connection, _PROVIDER)


async def _provision_request(connection: AsyncConnection, at: Place) -> object:
    profile = await profiles.find(connection, at.order_id)
    return profile and await catalogue.provision_request(connection, profile, _PROVIDER, "r")


async def _clashes(connection: AsyncConnection, at: Place) -> object:
    """Half of the lines are in stock already."""
    await stock_import.open_staging(connection)
    first = at.orders - PAGE // 2 + 1
    lines = range(first, first + PAGE)
    await stock_import.stage(connection, [_row(line) for line in lines])
    return await stock_import.find_clashes(connection)


def _row(number: int) -> StockRow:
    code = f"1$smdp.example.com$BULK-{number:012d}"
    iccid = f"8934{number:015d}"
    row = (number, 1, 1, 1, iccid, StockStatus.AVAILABLE, code, f"LPA:{code}", None, None)
    return StockRow(*row)


def _with_status(*statuses: ProfileStatus) -> Query:
    async def ask(connection: AsyncConnection, _: Place) -> object:
        return await profiles.with_status(connection, frozenset(statuses), limit=PAGE)

    every = len(statuses) == len(ProfileStatus)
    return Query(f"profiles.with_status: {'all' if every else ', '.join(statuses)}", ask)


_P = ProfileStatus

QUERIES = (
    # Lists
    *(_with_status(status) for status in ProfileStatus),
    _with_status(*ProfileStatus),
    _with_status(_P.PROVISIONING_FAILED, _P.EXHAUSTED, _P.NEEDS_REVIEW),
    _with_status(_P.PENDING_ACTIVATION, _P.RESERVED, _P.PROVISIONING_FAILED),
    Query(
        "profiles.with_status: parked, a later page",
        lambda c, at: profiles.with_status(
            c, frozenset({_P.EXHAUSTED, _P.NEEDS_REVIEW}), before_id=at.before, limit=PAGE
        ),
    ),
    Query("profiles.owned_by", lambda c, at: profiles.owned_by(c, at.user_id, limit=PAGE)),
    Query(
        "profiles.owned_by: a reseller",
        lambda c, at: profiles.owned_by(c, RESELLER, before_id=at.before, limit=PAGE),
    ),
    Query("orders.owned_by", lambda c, at: orders.owned_by(c, at.user_id, limit=PAGE)),
    Query(
        "orders.owned_by: a reseller",
        lambda c, at: orders.owned_by(c, RESELLER, before_id=at.before, limit=PAGE),
    ),
    Query(
        "profiles.of_orders",
        lambda c, at: profiles.of_orders(c, range(at.order_id, at.order_id + PAGE)),
    ),
    # Status
    Query("users.find", lambda c, at: users.find(c, at.user_id)),
    Query("orders.find", lambda c, at: orders.find(c, at.order_id, user_id=RESELLER)),
    Query("orders.find_by_key", lambda c, at: orders.find_by_key(c, RESELLER, f"key-{at.bought}")),
    Query("profiles.find", lambda c, at: profiles.find(c, at.order_id)),
    Query(
        "profiles.find: the owner", lambda c, at: profiles.find(c, at.order_id, user_id=RESELLER)
    ),
    Query(
        "profiles.find_by_id", lambda c, at: profiles.find_by_id(c, at.order_id, user_id=RESELLER)
    ),
    Query("profiles.ensure", lambda c, at: profiles.ensure(c, at.order_id)),
    Query("profiles.lock", lambda c, at: profiles.lock(c, at.order_id)),
    Query("orders.place", _place),
    # Timeline
    Query("events.timeline", lambda c, at: events.timeline(c, at.order_id, limit=PAGE)),
    Query("events.timeline: 1,000 events", lambda c, at: events.timeline(c, at.orders, limit=PAGE)),
    Query("events.newest", lambda c, at: events.newest(c, at.order_id, limit=PAGE)),
    # It counts them all.
    Query(
        "events.newest: 1,000 events",
        lambda c, at: events.newest(c, at.orders, limit=PAGE),
        reads=1_100,
    ),
    # Reviews
    Query("review_views.waiting", lambda c, _: review_views.waiting(c, limit=PAGE)),
    Query(
        "review_views.waiting: of a provider",
        lambda c, _: review_views.waiting(c, provider=_PROVIDER, limit=PAGE),
    ),
    Query("review_views.of_order", lambda c, at: review_views.of_order(c, at.in_doubt)),
    Query("review_views.purchases", lambda c, at: review_views.purchases(c, at.bought)),
    Query("review_views.replies", lambda c, at: review_views.replies(c, at.in_doubt)),
    Query(
        "reviews.show_reply",
        lambda c, at: reviews.show_reply(c, at.in_doubt, at.number, "ana"),
    ),
    # Purchases
    Query("purchases.open_for", lambda c, at: purchases.open_for(c, at.order_id)),
    Query("purchases.bought_for", lambda c, at: purchases.bought_for(c, at.bought)),
    Query("returns.unsettled_for", lambda c, at: returns.unsettled_for(c, at.bought)),
    Query("purchases.was_given_up", lambda c, at: purchases.was_given_up(c, at.bought)),
    Query("returns.unwanted_for", lambda c, at: returns.unwanted_for(c, at.bought)),
    Query("returns.returns_in_doubt", _returns_in_doubt),
    Query("repeated_calls.is_named_alone", _is_named_alone),
    Query("catalogue.find", lambda c, at: catalogue.find(c, 1 + at.number % 100)),
    Query("catalogue.route", lambda c, at: catalogue.route(c, 1 + at.number % 100)),
    Query("catalogue.provision_request", _provision_request),
    # Providers
    Query("provider_views.overview", lambda c, _: provider_views.overview(c)),
    Query("provider_controls.names", lambda c, _: provider_controls.names(c)),
    Query(
        "provider_controls.waiting_for",
        lambda c, _: provider_controls.waiting_for(c, _PROVIDER, limit=WAITING_AT_MOST),
    ),
    Query("gates.peek", lambda c, _: gates.peek(c, _PROVIDER, _LIMITS, now=None)),
    Query("gates.enter: with the spend guard", _enter),
    Query("gates.report", _fail),
    Query("gates.note_balance", _note_balance),
    # Webhooks
    Query("notices.receive: by provider order id", _told),
    Query("notices.receive: by reference", _told_by_reference),
    Query("notices.receive: by ICCID", _told_of_a_download),
    Query("notices.failed", lambda c, at: notices.failed(c, _PROVIDER, f"PO-{at.bought}")),
    Query("notices.heard_of", lambda c, at: notices.heard_of(c, _PROVIDER, f"PO-{at.bought}")),
    Query("payments.pending_for", _intent),
    Query("payments.report", _pay),
    Query("payments.report: a second success", _pay_twice),
    # Stock, and who takes it first
    Query("nudges.claim", _claim),
    Query("stock.take", _take),
    Query("good_path.reserve", _reserve),
    Query("good_path.assign", _assign),
    Query("stock.held_by", lambda c, at: stock.held_by(c, at.order_id)),
    Query("stock.names_order", lambda c, at: stock.names_order(c, at.order_id)),
    Query(
        "stock_codes.owner",
        lambda c, at: stock_codes.owner(
            c,
            f"1$smdp.example.com$BULK-{at.order_id:012d}",
            f"LPA:1$smdp.example.com$BULK-{at.order_id:012d}",
            f"8934{at.order_id:015d}",
            alone=False,
        ),
    ),
    Query("stock_views.retired", lambda c, _: stock_views.retired(c, limit=50)),
    Query("stock_import.read_catalogue", lambda c, _: stock_import.read_catalogue(c)),
    Query("stock_import.find_clashes: 100 lines", _clashes),
    Query(
        "stock_import.exhausted_orders",
        lambda c, at: stock_import.exhausted_orders(
            c, {(1 + at.number % 200, None, None)}, limit=1000
        ),
    ),
)
