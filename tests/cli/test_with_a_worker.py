"""Commands that steer running activations, with a real worker and a real Temporal."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain.errors import ProviderOutOfStock
from domain.profile import ProfileStatus
from domain.provider import EsimProvider, ProvisionedEsim, ProvisionRequest
from providers.local import LocalProvider
from tests.cli.conftest import Esimctl, Ran
from tests.cli.profile_states import order_in
from tests.cli.stock_rows import CANARY, row, write
from tests.rows import paid_order, rows, stock_item, value
from tests.workflows.conftest import Watch, activations, watch
from workflows.client import Activations

__all__ = ["activations", "watch"]  # as in tests/workflows

pytestmark = pytest.mark.usefixtures("stocked", "catalogue", "reachable")


class EmptyShelves(LocalProvider):
    """A provider that has nothing to sell, until it is filled."""

    filled = False

    async def provision(self, request: ProvisionRequest) -> ProvisionedEsim:
        """Sell only when filled."""
        if not self.filled:
            raise ProviderOutOfStock("LOCAL has none left.")
        return await super().provision(request)


@pytest.fixture
def shelves() -> EmptyShelves:
    """The one provider of these tests."""
    return EmptyShelves()


@pytest.fixture
def providers(shelves: EmptyShelves) -> dict[str, EsimProvider]:
    """What the worker can buy from."""
    return {"LOCAL": shelves}


@pytest.fixture
async def exhausted(
    engine: AsyncEngine, activations: Activations, watch: Watch, worker: None
) -> int:
    """An order whose activation found no stock and no provider that has any."""
    del worker
    order_id = await paid_order(engine)
    await activations.start(order_id)
    await watch.until(order_id, "status = 'EXHAUSTED'")
    return order_id


async def beside(esimctl: Esimctl, *arguments: object) -> Ran:
    """Run a command while the worker of this process goes on."""
    return await asyncio.to_thread(esimctl, *arguments)


async def test_an_exhausted_activation_recovers_when_stock_is_imported(
    esimctl: Esimctl, exhausted: int, watch: Watch, engine: AsyncEngine, tmp_path: Path
) -> None:
    """The import wakes it, nobody else does: it ends activated, from the new item."""
    file = write(tmp_path / "stock.csv", [row(1)])
    done = await beside(esimctl, "import-stock", file)
    assert (done.code, done.err) == (0, "")
    assert "Activations that waited for stock (1)" in done.out
    assert await watch.ended(exhausted) == ProfileStatus.ACTIVATED
    order = "SELECT order_id FROM esim_inventory WHERE status = 'ASSIGNED'"
    assert await value(engine, order) == exhausted
    asked = await rows(
        engine, "SELECT actor FROM esim_provisioning_events WHERE kind = 'retry_requested'"
    )
    assert [event["actor"] for event in asked] == ["stock-import"]


async def test_what_cannot_serve_it_leaves_an_activation_asleep(
    esimctl: Esimctl, exhausted: int, watch: Watch, tmp_path: Path
) -> None:
    """Retired stock, a dry run and a file with a fault wake nobody."""
    retired = write(tmp_path / "retired.csv", [row(1, status="RETIRED")])
    sound = write(tmp_path / "sound.csv", [row(2)])
    faulty = write(tmp_path / "faulty.csv", [row(3), row(4, iccid="1")])
    for arguments in ((retired,), (sound, "--dry-run"), (faulty,)):
        done = await beside(esimctl, "import-stock", *arguments)
        assert "waited for stock" not in done.out
    assert await watch.status(exhausted) == "EXHAUSTED"


async def test_without_temporal_the_import_stands_and_says_what_to_run(
    esimctl: Esimctl, exhausted: int, watch: Watch, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Exit code 0 with a warning; the command it names wakes the activation later."""
    file = write(tmp_path / "stock.csv", [row(1)])
    reachable = environment["TEMPORAL_ADDRESS"]
    environment["TEMPORAL_ADDRESS"] = "127.0.0.1:1"
    done = await beside(esimctl, "import-stock", file)
    assert done.code == 0
    assert "esimctl list --status exhausted --ids" in done.err
    environment["TEMPORAL_ADDRESS"] = reachable
    ids = (await beside(esimctl, "list", "--status", "exhausted", "--ids")).out.split()
    assert ids == [str(exhausted)]
    assert (await beside(esimctl, "retry", *ids, "--reason", "new stock")).code == 0
    assert await watch.ended(exhausted) == ProfileStatus.ACTIVATED


async def test_a_retry_completes_a_waiting_activation(
    esimctl: Esimctl, exhausted: int, shelves: EmptyShelves, watch: Watch, engine: AsyncEngine
) -> None:
    """Actor and reason are in the audit trail."""
    shelves.filled = True
    done = await beside(
        esimctl, "retry", exhausted, "--reason", "shelves are full", "--actor", "Grace"
    )
    assert (done.code, done.out) == (0, f"Order {exhausted}: trying again.\n")
    assert await watch.ended(exhausted) == ProfileStatus.ACTIVATED
    asked = await rows(
        engine,
        "SELECT actor, payload FROM esim_provisioning_events WHERE kind = 'retry_requested'",
    )
    said = {"reason": "shelves are full", "door": "cli"}
    assert asked == [{"actor": "Grace", "payload": said}]


async def test_several_orders_get_a_result_each(
    esimctl: Esimctl, exhausted: int, shelves: EmptyShelves, watch: Watch, engine: AsyncEngine
) -> None:
    """What cannot be retried says why; the rest is; the exit code tells that some failed."""
    shelves.filled = True
    cancelled = await order_in(engine, ProfileStatus.CANCELLED)
    unpaid = await paid_order(engine, status="CREATED")
    done = await beside(
        esimctl, "retry", cancelled, 4711, exhausted, unpaid, exhausted, "--reason", "test"
    )
    assert done.code == 1
    assert done.out == f"Order {exhausted}: trying again.\n"
    assert f"Order {cancelled}: The eSIM is cancelled" in done.err
    assert "Order 4711: Order not found" in done.err
    assert f"Order {unpaid}: The order is created: only a paid one" in done.err
    assert "Left as they were: 3 of 4 orders." in done.err
    assert await watch.ended(exhausted) == ProfileStatus.ACTIVATED


@pytest.mark.usefixtures("worker")
async def test_a_retry_starts_what_was_never_started(
    esimctl: Esimctl, watch: Watch, engine: AsyncEngine
) -> None:
    """A paid order without a workflow is activated."""
    order_id = await paid_order(engine)
    await stock_item(engine)
    assert (await beside(esimctl, "retry", order_id, "--reason", "lost")).code == 0
    assert await watch.ended(order_id) == ProfileStatus.ACTIVATED


async def test_without_a_worker_a_retry_gives_up_and_says_so(
    esimctl: Esimctl, activations: Activations, temporal_client: Client, engine: AsyncEngine
) -> None:
    """One line; orders after the first are not asked, since each would wait as long."""
    order_id = await paid_order(engine)
    await activations.start(order_id)
    try:
        failed = await beside(
            esimctl, "retry", order_id, await paid_order(engine), "--reason", "test"
        )
    finally:
        handle = temporal_client.get_workflow_handle(f"activate-esim-{order_id}")
        await handle.terminate("the test is over")
    assert (failed.code, failed.out) == (1, "")
    assert f"Order {order_id}: no worker answered" in failed.err
    assert len(failed.err.splitlines()) == 1


async def test_a_cancel_ends_a_waiting_activation(
    esimctl: Esimctl, exhausted: int, watch: Watch, engine: AsyncEngine
) -> None:
    """It ends cancelled, in the name of the actor; a second cancel finds nothing to do."""
    arguments = ("cancel", exhausted, "--reason", "refund", "--actor", "Grace")
    assert (await beside(esimctl, *arguments)).code == 0
    assert await watch.ended(exhausted) == ProfileStatus.CANCELLED
    again = await beside(esimctl, *arguments)
    assert (again.code, again.out) == (0, f"Order {exhausted}: is cancelled already.\n")
    ended = "SELECT actor FROM esim_provisioning_events WHERE kind = 'cancelled'"
    assert await value(engine, ended) == "Grace"


async def test_what_the_customer_has_cannot_be_cancelled(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """Exit code 1 and the reason."""
    order_id = await order_in(engine, ProfileStatus.ACTIVATED)
    failed = await beside(esimctl, "cancel", order_id, "--reason", "refund")
    assert failed.code == 1
    assert (
        f"Order {order_id}: The eSIM is activated already: it is too late to cancel." in failed.err
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("retry", "1", "2", "--reason", " "),
        ("retry", "1", "2", "--reason", "x", "--provider", "NOBODY"),
    ],
)
async def test_a_blank_reason_or_an_unknown_provider_is_refused(
    esimctl: Esimctl, arguments: tuple[str, ...]
) -> None:
    """Before anything is asked of anybody; one line, however many orders, names the option."""
    failed = await beside(esimctl, *arguments)
    assert failed.code == 1
    assert len(failed.err.splitlines()) == 1
    assert arguments[-2] in failed.err


async def test_status_shows_the_live_state(
    esimctl: Esimctl, exhausted: int, engine: AsyncEngine
) -> None:
    """What the workflow itself says is there, and still no code of the stock around."""
    await stock_item(engine, plan_id=None)
    report = await beside(esimctl, "status", exhausted, "--json")
    assert CANARY not in report.out
    live = json.loads(report.out)["workflow"]
    assert (live["id"], live["step"]) == (f"activate-esim-{exhausted}", "parked")
    assert "parked" in (await beside(esimctl, "status", exhausted)).out


async def test_without_a_worker_status_still_answers(
    esimctl: Esimctl, activations: Activations, temporal_client: Client, engine: AsyncEngine
) -> None:
    """A started activation that nobody works on: what is known shows, the rest is unknown."""
    order_id = await paid_order(engine)
    await activations.start(order_id)
    try:
        report = await beside(esimctl, "status", order_id, "--json")
        assert report.code == 0
        assert json.loads(report.out)["workflow"]["unknown"]
    finally:
        handle = temporal_client.get_workflow_handle(f"activate-esim-{order_id}")
        await handle.terminate("the test is over")
