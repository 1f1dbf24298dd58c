"""What goes well takes one statement a step; everything else is left as it was."""

import asyncio
from itertools import product

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from db import good_path
from db.engine import committing_each, transaction
from domain.codes import install_codes
from domain.errors import InvalidActivationCode
from domain.event import Origin
from tests.rows import SMDP, paid_order, rows, run, stock_item, value

pytestmark = pytest.mark.usefixtures("catalogue")

ORIGIN = Origin("activation", "activate-esim-1", "run-1", 1)
SNAPSHOT = (
    "SELECT to_jsonb(array_agg(p)) AS profiles,"
    " (SELECT to_jsonb(array_agg(i ORDER BY i.id)) FROM esim_inventory i) AS items,"
    " (SELECT count(*) FROM esim_provisioning_events) AS events FROM esim_profiles p"
)


async def _reserve(engine: AsyncEngine, order_id: int) -> int | None:
    async with transaction(committing_each(engine)) as connection:
        return await good_path.reserve(connection, order_id, ORIGIN)


async def _assign(
    engine: AsyncEngine, order_id: int, item_id: int, *, handed_over: bool = True
) -> bool:
    async with transaction(committing_each(engine)) as connection:
        return await good_path.assign(
            connection, order_id, item_id, ORIGIN, handed_over=handed_over
        )


async def test_an_order_that_begins_is_reserved_an_item(engine: AsyncEngine) -> None:
    """Item and profile move together, and the trail says start and reservation in that order."""
    item_id, order_id = await stock_item(engine), await paid_order(engine)
    assert await _reserve(engine, order_id) == item_id
    [item] = await rows(engine, "SELECT status, order_id, reserved_at FROM esim_inventory")
    assert (item["status"], item["order_id"]) == ("RESERVED", order_id)
    assert item["reserved_at"] is not None
    [profile] = await rows(engine, "SELECT * FROM esim_profiles")
    assert (profile["status"], profile["inventory_item_id"]) == ("RESERVED", item_id)
    assert profile["started_at"] is not None
    began, reserved = await rows(engine, "SELECT * FROM esim_provisioning_events ORDER BY id")
    assert (began["kind"], began["from_status"], began["payload"]) == (
        "activation_started",
        None,
        {},
    )
    assert (reserved["kind"], reserved["payload"]) == ("inventory_reserved", {"item_id": item_id})
    assert (reserved["from_status"], reserved["to_status"]) == ("PENDING_ACTIVATION", "RESERVED")
    for event in (began, reserved):
        origin = (event["actor"], event["workflow_id"], event["run_id"], event["attempt"])
        assert origin == ("activation", "activate-esim-1", "run-1", 1)


@pytest.mark.parametrize(
    "otherwise",
    [
        "UPDATE orders SET status = 'REFUNDED'",
        "UPDATE orders SET status = 'CREATED'",
        "UPDATE esim_profiles SET started_at = now()",
        "UPDATE esim_profiles SET status = 'CANCELLED'",
        "UPDATE esim_profiles SET status = 'EXHAUSTED', failure_code = 'x'",
        "UPDATE esim_inventory SET status = 'RETIRED', retired_at = now()",
        (
            "UPDATE esim_inventory SET order_id = o.id, status = 'RESERVED', reserved_at = now()"
            " FROM orders o"
        ),
        "DELETE FROM esim_profiles",
    ],
)
async def test_what_is_not_so_plain_is_not_reserved(engine: AsyncEngine, otherwise: str) -> None:
    """Refunded, unpaid, begun, ended, parked, sold out, holding, without a profile: unchanged."""
    await stock_item(engine)
    order_id = await paid_order(engine)
    await run(engine, otherwise)
    before = await rows(engine, SNAPSHOT)
    assert await _reserve(engine, order_id) is None
    assert await rows(engine, SNAPSHOT) == before


async def test_racing_orders_never_share_an_item_and_an_order_never_takes_two(
    engine: AsyncEngine,
) -> None:
    """Twenty orders, each asked for twice at once, on fifteen items: fifteen are reserved."""
    for number in range(15):
        await stock_item(engine, number)
    orders = [await paid_order(engine) for _ in range(20)]
    taken = await asyncio.gather(*(_reserve(engine, each) for each in orders * 2))
    got = [item_id for item_id in taken if item_id is not None]
    assert len(got) == len(set(got)) == 15
    assert await value(engine, "SELECT count(*) FROM esim_provisioning_events") == 30


@pytest.mark.parametrize("handed_over", [True, False])
async def test_a_reserved_item_is_assigned(engine: AsyncEngine, handed_over: bool) -> None:
    """With its codes; and activated at once only if nothing is left to be sent."""
    item_id, order_id = await stock_item(engine), await paid_order(engine)
    await _reserve(engine, order_id)
    assert await _assign(engine, order_id, item_id, handed_over=handed_over)
    [profile] = await rows(engine, "SELECT * FROM esim_profiles")
    assert profile["status"] == ("ACTIVATED" if handed_over else "ASSIGNED")
    assert profile["activation_code"] == f"1${SMDP}$STOCK-1"
    assert profile["qr_payload"] == f"LPA:1${SMDP}$STOCK-1"
    assert profile["iccid"] == "8934000000000000001"
    assert profile["instructions"] == "Scan the QR code"
    assert (profile["activated_at"] is not None) is handed_over
    assert await value(engine, "SELECT status FROM esim_inventory") == "ASSIGNED"
    told = await rows(
        engine,
        "SELECT kind, from_status, to_status, payload FROM esim_provisioning_events"
        " WHERE id > 2 ORDER BY id",
    )
    expected: list[tuple[object, ...]] = [
        ("profile_assigned", "RESERVED", "ASSIGNED", {"item_id": item_id, "source": "stock"})
    ]
    if handed_over:
        expected.append(("profile_activated", "ASSIGNED", "ACTIVATED", {}))
    assert [tuple(event.values()) for event in told] == expected


@pytest.mark.parametrize(
    "otherwise",
    [
        "UPDATE orders SET status = 'REFUNDED'",
        "UPDATE esim_inventory SET status = 'AVAILABLE', order_id = NULL",
        "UPDATE esim_inventory SET activation_code = 'has a space', qr_payload = NULL",
        "UPDATE esim_inventory SET qr_payload = 'LPA:1$other.example.com$X'",
        "UPDATE esim_profiles SET status = 'CANCELLED'",
    ],
)
async def test_what_is_not_so_plain_is_not_assigned(engine: AsyncEngine, otherwise: str) -> None:
    """Refunded, taken away, with a code to be judged, ended: unchanged."""
    item_id, order_id = await stock_item(engine), await paid_order(engine)
    await _reserve(engine, order_id)
    await run(engine, otherwise)
    before = await rows(engine, SNAPSHOT)
    assert not await _assign(engine, order_id, item_id)
    assert await rows(engine, SNAPSHOT) == before


@pytest.mark.parametrize("reserved", [False, True], ids=["reserve", "assign"])
async def test_a_refund_that_is_about_to_commit_is_waited_for_and_wins(
    engine: AsyncEngine, reserved: bool
) -> None:
    """Order and profile are locked before anything is read of them: nothing changes hands."""
    item_id, order_id = await stock_item(engine), await paid_order(engine)
    if reserved:
        await _reserve(engine, order_id)
    before = await rows(engine, SNAPSHOT)
    async with engine.begin() as refund:
        await refund.execute(text("UPDATE orders SET status = 'REFUNDED'"))
        step = asyncio.create_task(
            _assign(engine, order_id, item_id) if reserved else _reserve(engine, order_id)
        )
        async with asyncio.timeout(5):
            while not await value(engine, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
    assert not await step
    assert await rows(engine, SNAPSHOT) == before


async def test_an_item_is_assigned_once_and_to_its_own_order(engine: AsyncEngine) -> None:
    """A repetition, another order's item and an item that is not there change nothing."""
    first, second = await stock_item(engine), await stock_item(engine, 2)
    order_id, other = await paid_order(engine), await paid_order(engine)
    assert (await _reserve(engine, order_id), await _reserve(engine, other)) == (first, second)
    assert await _assign(engine, order_id, first)
    before = await rows(engine, SNAPSHOT)
    for order, item in [(order_id, first), (order_id, second), (other, first), (other, 99)]:
        assert not await _assign(engine, order, item)
    assert await rows(engine, SNAPSHOT) == before


HOSTS = (
    SMDP, "SMDP.example.com", "a.b", "10.0.0.1", "smdp", "", "-a.example.com", "a-b.example.com",
    "a-.example.com", "a--b.example.com", "rsp-1.eu.example.com", "example.c-m", "a.-.com",
    f"{'a-' * 31}a.com", f"{'a-' * 32}a.com", f"{'a' * 63}-.com",
    "a..b", f"{'a' * 63}.com", f"{'a' * 64}.com", f"{'a.' * 126}com", "ex\u00e4mple.com",
    "example.com.", "1.com", "example.c0m",
)  # fmt: skip
IDS = ("", "AB-1", "ab", "A B", "A\n", "A$", "A$1.2.3", "A$$1", "A" * 240)
FRAMES = ("1${0}${1}", "LPA:1${0}${1}", "{0}${1}", "2${0}${1}", " 1${0}${1}", "1${0}${1}\n")
PAYLOADS = (None, "", "LPA:{0}", "{0}", "LPA:LPA:{0}", "lpa:{0}", "LPA:1$x.example.com$Y")


async def test_a_code_that_sql_calls_plain_is_kept_as_it_is(engine: AsyncEngine) -> None:
    """Of thousands of spellings, whatever passes unjudged is what the long way would have given."""
    codes = [frame.format(*parts) for frame, *parts in product(FRAMES, HOSTS, IDS)]
    pairs = [(code, each and each.format(code)) for code, each in product(codes, PAYLOADS)]
    plain = await rows(
        engine,
        "SELECT code, payload FROM unnest(CAST(:codes AS text[]), CAST(:payloads AS text[]))"
        " AS given (code, payload) WHERE esim_plain_code(code, payload)",
        codes=[code for code, _ in pairs],
        payloads=[payload for _, payload in pairs],
    )
    for host in (SMDP, "a-b.example.com", "rsp-1.eu.example.com"):
        assert (f"1${host}$AB-1", None) in [(row["code"], row["payload"]) for row in plain]
    for row in plain:
        try:
            judged = install_codes(row["code"], row["payload"])
        except InvalidActivationCode as error:
            pytest.fail(f"{row}: {error}")
        kept = (judged.activation_code, judged.qr_payload)
        assert kept == (row["code"], f"LPA:{row['code']}")
        assert judged.installable
