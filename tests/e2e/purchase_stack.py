"""A stack that buys from four providers, all of them one sandbox in the test's own process.

The sandbox keeps the books: what it charged is what was bought, whatever the stack believes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client

from activities.pause_points import PausePoint
from domain.errors import PurchaseUnderWay
from sandbox.adapter_variables import adapter_variables
from sandbox.calls import Call
from sandbox.contracts.es2plus_states import RELEASED
from sandbox.contracts.esim_access_list import NEW
from sandbox.ledger import Order
from sandbox.running import running_sandbox
from sandbox.sandbox import PROVIDERS, Sandbox, base_urls
from sandbox.settings import SandboxSettings
from tests.e2e.stack import FINISH_SECONDS, Customer, Stack, running_stack
from tests.holds import Hold
from tests.rows import rows, run
from workflows.messages import workflow_id

LOOKUP: Final = frozenset({"AIRALO", "ESIM_ACCESS"})
"""Who can be asked for an order by our reference. At the others a person must ask."""

_PURCHASES = {"ES2PLUS": "downloadOrder"}
_PLENTY = "10000"
_ASYNC = {"Prefer": "respond-async"}
# A killed worker forgets its token, and fetches another one.
_SETTINGS = SandboxSettings(tokens_per_minute=None)


@dataclass(frozen=True, slots=True)
class Market:
    """A running stack, its providers, a customer, and an operator with an admin's token.

    Attributes:
        holds: where a test puts holds for the workers.
    """

    stack: Stack
    sandbox: Sandbox
    customer: Customer
    operator: Customer
    holds: Path

    @property
    def engine(self) -> AsyncEngine:
        """The stack's database."""
        return self.stack.engine

    async def plan(self, *providers: str, **codes: str) -> int:
        """A new plan without stock, sold by these providers, the first one first.

        Args:
            providers: in order.
            codes: what a provider calls the plan, if not as everybody does.
        """
        add = (
            "WITH plan AS (INSERT INTO plans (name, price_minor_units) VALUES ('Test', 100)"
            " RETURNING id) SELECT id FROM plan"
        )
        async with self.engine.begin() as connection:
            plan_id: int = (await connection.exec_driver_sql(add)).scalar_one()
        for priority, provider in enumerate(providers):
            await run(
                self.engine,
                "INSERT INTO plan_codes (plan_id, provider, plan_code, priority)"
                " VALUES (:plan, :provider, :code, :priority)",
                plan=plan_id,
                provider=provider,
                code=codes.get(provider, "SANDBOX-1GB"),
                priority=priority,
            )
        return plan_id

    async def activate(self, order_id: int) -> None:
        """Ask for an order's eSIM without waiting for it."""
        accepted = await self.customer.activate(order_id, **_ASYNC)
        assert accepted.status_code == 202, accepted.text

    async def hold(self, order_id: int, point: PausePoint) -> Hold:
        """Activate an order that is held at this point; returns once it stands there."""
        hold = Hold(self.holds, point, order_id)
        await self.activate(order_id)
        await hold.reached()
        return hold

    async def keep_waiting(self, order_id: int, provider: str, seconds: float) -> None:
        """Activate an order whose provider takes its time; returns once it has the request."""
        self.sandbox.rule(provider, "latency", reference=_reference(order_id), seconds=seconds)
        await self.activate(order_id)
        await until(lambda: bool(self.purchases(order_id)))

    def purchases(self, order_id: int) -> list[Call]:
        """The requests to buy for an order that have reached any provider."""
        reference = _reference(order_id)
        return [call for call in purchase_calls(self.sandbox) if call.reference == reference]

    def net_charges(self, order_id: int) -> list[str]:
        """Who was paid for an order, once for each charge that was not taken back."""
        charges = self.sandbox.net_charges(reference=_reference(order_id))
        return [charge.provider for charge in charges]

    def sold(self, order_id: int) -> Order:
        """The one sale for an order that stands."""
        [charge] = self.sandbox.net_charges(reference=_reference(order_id))
        orders = self.sandbox.ledger.orders(charge.provider, charge.reference)
        [order] = [one for one in orders if one.order_id == charge.order_id]
        return order

    def code(self, iccid: str) -> str:
        """The matching id of a sold profile; empty while it has none."""
        order = self.sandbox.ledger.order_of(iccid)
        assert order is not None
        [profile] = order.profiles
        state = self.sandbox.ledger.state(iccid)
        return profile.matching_id or (state.matching_id if state else "")

    async def profile(self, order_id: int) -> Mapping[str, Any]:
        """The order's profile as it is now."""
        query = "SELECT * FROM esim_profiles WHERE order_id = :id"
        [found] = await rows(self.engine, query, id=order_id)
        return found

    async def profiles(
        self, order_ids: Collection[int], *statuses: str
    ) -> dict[int, Mapping[str, Any]]:
        """The orders' profiles by order, once each of them is in one of these states."""
        query = "SELECT * FROM esim_profiles WHERE order_id = ANY(:ids)"
        found: list[Mapping[str, Any]] = []
        try:
            async with asyncio.timeout(FINISH_SECONDS):
                while True:
                    found = await rows(self.engine, query, ids=list(order_ids))
                    if found and all(row["status"] in statuses for row in found):
                        return {row["order_id"]: row for row in found}
                    await asyncio.sleep(0.1)
        except TimeoutError:
            late = [
                (row["order_id"], row["status"], row["failure_code"], row["failure_reason"])
                for row in found
                if row["status"] not in statuses
            ]
            raise AssertionError(f"Not {statuses} in {FINISH_SECONDS} s: {late}") from None

    async def hurry(self, order_ids: Collection[int]) -> None:
        """Let those try again that wait for their next round, until none of the orders does.

        Only saves time: each would do so by itself within half a minute. While anything is being
        sent for them nobody is hurried.
        """
        query = (
            "SELECT p.order_id, p.failed_rounds > 0 AS waits,"
            " n.state IN ('INTENDED', 'SENT') AS busy FROM esim_profiles p"
            " JOIN provider_intents n USING (order_id)"
            " WHERE order_id = ANY(:ids) AND p.status IN ('PENDING_ACTIVATION', 'RESERVED')"
        )
        async with asyncio.timeout(FINISH_SECONDS):
            while unfinished := await rows(self.engine, query, ids=list(order_ids)):
                if not any(row["busy"] for row in unfinished):
                    await self.retry([row["order_id"] for row in unfinished if row["waits"]])
                await asyncio.sleep(0.5)

    async def retry(self, order_ids: Collection[int]) -> None:
        """As an operator who has no patience; harmless for those that do not wait."""
        asked = await asyncio.gather(
            *(
                self.operator.post(
                    f"/api/admin/activations/{order_id}/retry", {"reason": "it takes too long"}
                )
                for order_id in order_ids
            )
        )
        assert {answer.status_code for answer in asked} <= {202, 409}

    async def intents(self, order_id: int) -> list[str]:
        """The states of an order's purchases, oldest first."""
        query = "SELECT state FROM provider_intents WHERE order_id = :id ORDER BY id"
        return [row["state"] for row in await rows(self.engine, query, id=order_id)]

    async def lost(self) -> list[str]:
        """ICCIDs that were sold and paid for, and that nobody here knows or asks about."""
        items = await rows(self.engine, "SELECT iccid FROM esim_inventory WHERE iccid IS NOT NULL")
        doubts = await rows(
            self.engine, "SELECT reference FROM provider_intents WHERE state = 'UNKNOWN'"
        )
        known = {row["iccid"] for row in items}
        asked_for = {row["reference"] for row in doubts}
        paid = {charge.order_id for charge in self.sandbox.net_charges()}
        return [
            iccid
            for iccid, order in self.sandbox.ledger.sold().items()
            if order.order_id in paid and iccid not in known and order.reference not in asked_for
        ]

    async def misdelivered(self) -> list[int]:
        """Orders whose customer has a bought eSIM that was not sold for them, or does not work."""
        query = (
            "SELECT p.order_id, p.iccid, p.activation_code FROM esim_profiles p"
            " JOIN esim_inventory i ON i.id = p.inventory_item_id"
            " WHERE p.status IN ('ASSIGNED', 'ACTIVATED') AND i.provider IS NOT NULL"
        )
        return [
            row["order_id"]
            for row in await rows(self.engine, query)
            if self._origin(row["iccid"]) != _reference(row["order_id"])
            or row["activation_code"].split("$")[2] != self._code_that_works(row["iccid"])
        ]

    def _code_that_works(self, iccid: str) -> str:
        state = self.sandbox.ledger.state(iccid)
        works = state is None or state.state in {RELEASED, NEW}
        return self.code(iccid) if works else "not released"

    def _origin(self, iccid: str) -> str | None:
        order = self.sandbox.ledger.order_of(iccid)
        return order.reference if order else None

    async def temporal(self) -> Client:
        """A client of the stack's Temporal."""
        return await Client.connect(self.stack.description["temporal_address"])

    async def attempts(self, order_ids: Collection[int]) -> list[int]:
        """Which attempt of its provider call each order is at; 0 if no call is under way."""
        calls = await self._calls_under_way(order_ids)
        return [max((call.attempt for call in some), default=0) for some in calls]

    async def refused(self, order_ids: Collection[int]) -> list[bool]:
        """Of each order, whether a further attempt was refused because an earlier one holds it."""
        calls = await self._calls_under_way(order_ids)
        return [
            any(
                call.last_failure.application_failure_info.type == PurchaseUnderWay.code
                for call in some
            )
            or (await self.profile(order_id))["failure_code"] == PurchaseUnderWay.code
            for order_id, some in zip(order_ids, calls, strict=True)
        ]

    async def _calls_under_way(self, order_ids: Collection[int]) -> list[list[PendingActivityInfo]]:
        client = await self.temporal()
        described = await asyncio.gather(
            *(client.get_workflow_handle(workflow_id(one)).describe() for one in order_ids)
        )
        return [list(one.raw_description.pending_activities) for one in described]


def _reference(order_id: int) -> str:
    return f"order-{order_id}"


def purchase_calls(sandbox: Sandbox, provider: str | None = None) -> list[Call]:
    """Every request to buy, oldest first."""
    return [
        call
        for call in sandbox.calls(provider)
        if call.operation == _PURCHASES.get(call.provider, "order")
    ]


async def until(holds: Callable[[], bool], timeout_seconds: float = 30) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it does not in time.
    """
    async with asyncio.timeout(timeout_seconds):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running_market(
    folder: Path, *, workers: int = 1, timeout_seconds: float = 5
) -> AsyncIterator[Market]:
    """A stack that has all four providers, and the sandbox that they are, until the block ends.

    Args:
        folder: an empty one.
        workers: how many processes.
        timeout_seconds: how long a provider may take to answer.
    """
    holds = folder / "holds"
    holds.mkdir()
    async with (
        running_sandbox(folder / "sandbox", tls=True, settings=_SETTINGS) as sandbox,
        running_stack(
            folder / "stack", workers=workers, **_variables(sandbox, holds, timeout_seconds)
        ) as stack,
    ):
        sandbox.send_webhooks_to(stack.api_url)
        customer = await stack.customer()
        operator = Customer(stack, await stack.esimctl("token", "--email", "ops@x.io", "--admin"))
        yield Market(stack, sandbox, customer, operator, holds)
        await customer.leave()
        await operator.leave()


def _variables(sandbox: Sandbox, holds: Path, timeout_seconds: float) -> dict[str, str]:
    urls = base_urls(sandbox.port, sandbox.tls_port)
    each = {
        "TIMEOUT_SECONDS": str(timeout_seconds),
        "RATE_PER_SECOND": _PLENTY,
        "PURCHASES_PER_HOUR": _PLENTY,
    }
    return {
        **adapter_variables(urls, sandbox.folder, tls=True),
        **{f"{provider}_{name}": text for provider in PROVIDERS for name, text in each.items()},
        **{f"{provider}_AMBIGUITY": "lookup" for provider in LOOKUP},
        **{f"{provider}_SETTLE_GAP_SECONDS": "2" for provider in LOOKUP},
        "CONNECTED_YOU_AMBIGUITY": "review",
        "PURCHASES_PER_HOUR": _PLENTY,
        "PURCHASES_PER_HOUR_PER_USER": _PLENTY,
        "PAUSE_POINTS_DIR": str(holds),
    }
