"""`esimctl resolve`: each decision, with a real worker; no code in arguments or output."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.locks import PurchaseLock
from domain.profile import ProfileStatus
from tests.api.asking import parked
from tests.cli.conftest import Esimctl, Ran
from tests.cli.forking import PROGRAM, ROOT
from tests.cli.profile_states import order_in
from tests.doubts import CANARY, CODE, ICCID, in_doubt, under_review
from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import answering
from tests.rows import paid_order, rows, stock_item, value
from tests.workflows.conftest import (
    Watch,
    activations,
    ambiguity,
    partner,
    providers,
    timeout_seconds,
    watch,
)
from workflows.client import Activations
from workflows.messages import Step

__all__ = [
    "activations",
    "ambiguity",
    "partner",
    "providers",
    "timeout_seconds",
    "watch",
]  # of tests/workflows

pytestmark = pytest.mark.usefixtures("stocked", "catalogue", "reachable")

WHY = ("--reason", "their portal says so", "--actor", "Grace")


@pytest.fixture
async def silent(
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    partner: PartnerServer,
    worker: None,
) -> int:
    """An order that waits for a review: the partner failed midway, and is well again."""
    del worker
    partner.answer = answering(500, {"error": "midway"})
    order_id = await paid_order(engine)
    await activations.start(order_id)
    await watch.until(order_id, "status = 'NEEDS_REVIEW'")
    await watch.step(order_id, Step.PARKED)
    partner.answer = partner.sell
    return order_id


@pytest.fixture
def code_file(tmp_path: Path) -> Path:
    """The code as somebody saved it from the provider's portal."""
    return written(tmp_path, f"LPA:{CODE}\n")


def written(folder: Path, content: str) -> Path:
    """A file with this content."""
    path = folder / "code.txt"
    path.write_text(content, encoding="utf-8")
    return path


async def beside(esimctl: Esimctl, *arguments: object) -> Ran:
    """Run a command while the worker of this process goes on; no code may come out."""
    done = await asyncio.to_thread(esimctl, "resolve", *arguments)
    assert CANARY not in done.out + done.err
    return done


def piped(environment: dict[str, str], typed: str, *arguments: object) -> Ran:
    """Run `resolve` as a process of its own, with something on its standard input."""
    done = subprocess.run(
        [sys.executable, "-m", PROGRAM, "resolve", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        input=typed,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


async def state(engine: AsyncEngine, order_id: int) -> str:
    """The purchase's state as SQL shows it."""
    query = "SELECT state FROM provider_intents WHERE order_id = :id ORDER BY id LIMIT 1"
    found: str = await value(engine, query, id=order_id)
    return found


async def test_a_code_in_a_file_reaches_the_customer(
    esimctl: Esimctl, silent: int, watch: Watch, engine: AsyncEngine, code_file: Path
) -> None:
    """The activation goes on with it; item, actor and reason are kept; nothing is bought."""
    done = await beside(
        esimctl, silent, "--exists", "--code-file", code_file, "--iccid", ICCID, *WHY
    )
    assert done.code == 0, done.err
    assert f"Order {silent}: order-{silent} at CONNECTED_YOU is resolved as exists" in done.out
    assert "kept for the customer" in done.out
    assert await watch.ended(silent) == ProfileStatus.ACTIVATED
    [profile] = await rows(engine, "SELECT activation_code, iccid FROM esim_profiles")
    assert (profile["activation_code"], profile["iccid"]) == (CODE, ICCID)
    [event] = await rows(
        engine, "SELECT actor FROM esim_provisioning_events WHERE kind = 'purchase_resolved'"
    )
    assert event["actor"] == "Grace"


@pytest.mark.parametrize("code", [f"https://a.example/{CANARY}", f"Ask for {CANARY}"])
async def test_any_code_that_the_provider_stands_by_reaches_the_customer(
    esimctl: Esimctl, silent: int, watch: Watch, engine: AsyncEngine, tmp_path: Path, code: str
) -> None:
    """`--as-given`, which the trail notes; without it the same code is refused."""
    brought = (silent, "--exists", "--code-file", written(tmp_path, code), *WHY)
    refused = await beside(esimctl, *brought)
    assert (refused.code, refused.out) == (1, "")
    assert await state(engine, silent) == "UNKNOWN"
    done = await beside(esimctl, *brought, "--as-given")
    assert done.code == 0, done.err
    assert await watch.ended(silent) == ProfileStatus.ACTIVATED
    [profile] = await rows(engine, "SELECT activation_code, qr_payload FROM esim_profiles")
    assert (profile["activation_code"], profile["qr_payload"]) == (code, code)
    noted = "SELECT payload ->> 'as_given' FROM esim_provisioning_events WHERE kind = :kind"
    assert await value(engine, noted, kind="purchase_resolved") == "true"


async def test_a_code_comes_on_standard_input_with_its_confirmation_code(
    environment: dict[str, str], engine: AsyncEngine
) -> None:
    """Two lines; neither is printed; both are kept."""
    order_id = await under_review(engine)
    done = await asyncio.to_thread(
        piped,
        environment,
        f"{CODE}$$1\n{CANARY}-12\n",
        *(order_id, "--exists", "--code-file", "-", "--provider-order-id", "P-7", *WHY),
    )
    assert done.code == 0, done.err
    assert CANARY not in done.out + done.err
    [item] = await rows(engine, "SELECT * FROM esim_inventory")
    assert (item["activation_code"], item["confirmation_code"]) == (f"{CODE}$$1", f"{CANARY}-12")
    assert item["iccid"] is None
    known_as = "SELECT provider_order_id FROM provider_intents"
    assert await value(engine, known_as) == "P-7"


async def test_an_absent_purchase_is_bought_again(
    esimctl: Esimctl, silent: int, watch: Watch, partner: PartnerServer
) -> None:
    """Under the same reference."""
    done = await beside(esimctl, silent, "--absent", *WHY)
    assert done.code == 0, done.err
    assert "asked to try again" in done.out
    assert await watch.ended(silent) == ProfileStatus.ACTIVATED
    references = [received.json["orderReference"] for received in partner.requests]
    assert references == [f"order-{silent}"] * 2


async def test_giving_up_cancels_the_activation(
    esimctl: Esimctl, silent: int, watch: Watch, partner: PartnerServer
) -> None:
    """Nothing more is bought."""
    done = await beside(esimctl, silent, "--give-up", *WHY)
    assert done.code == 0, done.err
    assert "asked to end" in done.out
    assert await watch.ended(silent) == ProfileStatus.CANCELLED
    assert len(partner.requests) == 1


@pytest.mark.parametrize("status", [ProfileStatus.ACTIVATED, ProfileStatus.CANCELLED])
async def test_a_late_code_is_kept_out_of_use(
    esimctl: Esimctl, engine: AsyncEngine, code_file: Path, status: ProfileStatus
) -> None:
    """The order is served or over; nobody is asked for anything."""
    order_id = await order_in(engine, status)
    await in_doubt(engine, order_id)
    done = await beside(esimctl, order_id, "--exists", "--code-file", code_file, *WHY)
    assert (done.code, done.err) == (0, "")
    assert "kept out of use" in done.out
    kept = "SELECT status FROM esim_inventory WHERE activation_code = :code"
    assert await value(engine, kept, code=CODE) == "RETIRED"


async def test_without_temporal_the_decision_stands(
    esimctl: Esimctl, engine: AsyncEngine, environment: dict[str, str]
) -> None:
    """Exit code 0, and a warning that names the command to run later."""
    environment["TEMPORAL_ADDRESS"] = "127.0.0.1:1"
    order_id = await under_review(engine)
    done = await beside(esimctl, order_id, "--absent", *WHY)
    assert done.code == 0
    assert f"esimctl retry {order_id}" in done.err
    assert await state(engine, order_id) == "RESOLVED"


async def test_a_second_decision_says_who_was_first(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """Exit code 1, one line."""
    order_id = await under_review(engine)
    await beside(esimctl, order_id, "--absent", *WHY)
    again = await beside(esimctl, order_id, "--give-up", *WHY)
    assert (again.code, again.out) == (1, "")
    assert "Grace has decided on" in again.err
    assert "their portal says so" in again.err


async def test_a_call_under_way_is_waited_for(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """Nobody decides while the purchase lock is held."""
    order_id = await under_review(engine)
    async with PurchaseLock(engine).hold(order_id):
        failed = await beside(esimctl, order_id, "--absent", *WHY)
    assert failed.code == 1
    assert "Try again in a moment." in failed.err
    assert await state(engine, order_id) == "UNKNOWN"


async def test_a_code_in_stock_names_its_item(
    esimctl: Esimctl, engine: AsyncEngine, tmp_path: Path
) -> None:
    """And not the code; nothing is decided."""
    item_id = await stock_item(engine)
    code = await value(engine, "SELECT activation_code FROM esim_inventory")
    order_id = await under_review(engine)
    file = written(tmp_path, code)
    failed = await beside(esimctl, order_id, "--exists", "--code-file", file, *WHY)
    assert failed.code == 1
    assert f"Stock item {item_id} has this" in failed.err
    assert code not in failed.err
    assert await state(engine, order_id) == "UNKNOWN"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (WHY, "--give-up"),
        (("--exists", "--absent", *WHY), "Choose one"),
        (("--absent", "--reason", " "), "--reason"),
        (("--absent", "--reason", "x", "--actor", ""), "--actor"),
        (("--absent", "--iccid", ICCID, *WHY), "--exists alone"),
        (("--exists", *WHY), "--code-file"),
        (("--exists", "--code-file", "/nowhere/code", *WHY), "No such file"),
        (("--exists", "--iccid", "12", "--code-file", "{file}", *WHY), "ICCID"),
    ],
)
async def test_a_faulty_command_says_what_to_do(
    esimctl: Esimctl, engine: AsyncEngine, code_file: Path, arguments: tuple[str, ...], hint: str
) -> None:
    """One line, exit code 1, nothing decided."""
    order_id = await under_review(engine)
    given = [argument.format(file=code_file) for argument in arguments]
    failed = await beside(esimctl, order_id, *given)
    assert (failed.code, failed.out) == (1, "")
    assert len(failed.err.splitlines()) == 1
    assert hint in failed.err
    assert await state(engine, order_id) == "UNKNOWN"


async def test_a_code_that_must_be_released_is_not_taken_without_its_iccid(
    esimctl: Esimctl, engine: AsyncEngine, code_file: Path
) -> None:
    """The worker could not release it, and no second decision could mend that."""
    order_id = await under_review(engine, provider="ES2PLUS")
    brought = (order_id, "--exists", "--code-file", code_file)
    failed = await beside(esimctl, *brought, *WHY)
    assert (failed.code, failed.out) == (1, "")
    assert "--iccid" in failed.err
    assert await state(engine, order_id) == "UNKNOWN"
    done = await beside(esimctl, *brought, "--iccid", ICCID, *WHY)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    "content",
    ["", "\n\n", f"{CANARY}", f"{CODE}\n\n{CODE}", f"{CODE}$$1", f"{CODE} " * 300, f"{CODE}\n\0"],
)
async def test_a_faulty_file_is_refused_unquoted(
    esimctl: Esimctl, engine: AsyncEngine, tmp_path: Path, content: str
) -> None:
    """`beside` checks that no part of the code comes out."""
    order_id = await under_review(engine)
    file = written(tmp_path, content)
    failed = await beside(esimctl, order_id, "--exists", "--code-file", file, *WHY)
    assert (failed.code, failed.out) == (1, "")
    assert await state(engine, order_id) == "UNKNOWN"


async def test_a_doubt_of_a_pending_order_can_be_decided(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """It need not wait until rounds are spent."""
    order_id = await paid_order(engine)
    await parked(engine, order_id, "PENDING_ACTIVATION", "provider-outcome-unknown")
    await in_doubt(engine, order_id)
    done = await beside(esimctl, order_id, "--give-up", *WHY)
    assert done.code == 0, done.err
    assert await state(engine, order_id) == "RESOLVED"
