"""The inbox of notifications: whose order one speaks of, and what it may change."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import notices
from db.engine import transaction
from domain.notice import NoticeKind
from tests.notices import Signer, bought_item, noted, notice, purchase, receive
from tests.rows import paid_order, rows, run, value

pytestmark = pytest.mark.usefixtures("catalogue")

ICCID = "8934010000000000018"


async def failure(engine: AsyncEngine, provider_order_id: str) -> str | None:
    """What the purchase activity asks."""
    async with transaction(engine) as connection:
        return await notices.failed(connection, Signer.name, provider_order_id)


async def heard(engine: AsyncEngine, provider_order_id: str) -> bool:
    """Whether the provider spoke of one of its orders."""
    async with transaction(engine) as connection:
        return await notices.heard_of(connection, Signer.name, provider_order_id)


async def downloads(engine: AsyncEngine) -> list[int]:
    """The purchases whose profile a device has."""
    found = await rows(
        engine, "SELECT id FROM provider_intents WHERE downloaded_at IS NOT NULL ORDER BY id"
    )
    return [row["id"] for row in found]


async def test_a_notice_is_put_on_its_order(engine: AsyncEngine) -> None:
    """Row and event name the order; the event holds provider, kind and trust, and nothing else."""
    order_id = await paid_order(engine)
    await purchase(engine, order_id)
    news = await receive(engine, notice(NoticeKind.ORDER_READY, provider_order_id="P-1"))
    assert news == {order_id}
    assert await value(engine, "SELECT order_id FROM provider_webhooks") == order_id
    assert await noted(engine) == [
        {
            "order_id": order_id,
            "actor": "provider-webhook",
            "payload": {"provider": "SIGNER", "kind": "order_ready", "trusted": True},
        }
    ]


async def test_a_repetition_changes_nothing(engine: AsyncEngine) -> None:
    """One row, one event, and nobody is woken again, even if the repetition says more."""
    order_id = await paid_order(engine)
    await purchase(engine, order_id)
    await receive(engine, notice(NoticeKind.ORDER_READY, provider_order_id="P-1"))
    again = notice(NoticeKind.ORDER_FAILED, provider_order_id="P-1", reason="changed its mind")
    assert await receive(engine, again, again) == frozenset()
    assert await failure(engine, "P-1") is None
    assert len(await noted(engine)) == 1
    assert await value(engine, "SELECT count(*) FROM provider_webhooks") == 1


async def test_the_providers_own_name_goes_before_ours_and_the_iccid_comes_last(
    engine: AsyncEngine,
) -> None:
    """Three names of three orders: the most exact one counts; without it the next."""
    by_id, by_reference, by_iccid = [await paid_order(engine) for _ in range(3)]
    await purchase(engine, by_id)
    await purchase(engine, by_reference, provider_order_id=None, state="SENT")
    await bought_item(engine, by_iccid, ICCID)
    names = {
        "provider_order_id": "P-1",
        "reference": f"order-{by_reference}",
        "iccid": ICCID,
    }
    for number, wanted in enumerate((by_id, by_reference, by_iccid)):
        given = dict(list(names.items())[number:])
        news = await receive(engine, notice(NoticeKind.ORDER_READY, f"e-{number}", **given))
        assert news == {wanted}


async def test_another_providers_names_never_match(engine: AsyncEngine) -> None:
    """The same reference, order id and ICCID at another provider: stored without an order."""
    order_id = await paid_order(engine)
    item_id = await bought_item(engine, order_id, ICCID, provider="ANOTHER")
    await purchase(engine, order_id, provider="ANOTHER", state="CONFIRMED", item_id=item_id)
    for kind in (NoticeKind.ORDER_READY, NoticeKind.DOWNLOADED):
        told = notice(
            kind, kind, provider_order_id="P-1", reference=f"order-{order_id}", iccid=ICCID
        )
        assert await receive(engine, told) == frozenset()
    found = await rows(engine, "SELECT order_id FROM provider_webhooks")
    assert found == [{"order_id": None}, {"order_id": None}]
    assert await noted(engine) == []
    assert await downloads(engine) == []


async def test_our_own_stock_is_no_providers(engine: AsyncEngine) -> None:
    """An ICCID of imported stock matches no provider's notice."""
    order_id = await paid_order(engine)
    await bought_item(engine, order_id, ICCID)
    await run(engine, "UPDATE esim_inventory SET provider = NULL")
    await receive(engine, notice(NoticeKind.DOWNLOADED, iccid=ICCID))
    assert await value(engine, "SELECT order_id FROM provider_webhooks") is None


async def test_of_two_sales_of_one_iccid_the_named_one_counts_else_the_newest(
    engine: AsyncEngine,
) -> None:
    """Its first customer may hold the code still; a download is told of one of them."""
    orders = [await paid_order(engine) for _ in range(2)]
    for number, order_id in enumerate(orders):
        item_id = await bought_item(engine, order_id, ICCID)
        await run(
            engine,
            "UPDATE esim_inventory SET activation_code = 'code ' || id, iccid_scope = id"
            " WHERE id = :id",
            id=item_id,
        )
        await purchase(
            engine,
            order_id,
            state="CONFIRMED",
            provider_order_id=f"P-{number}",
            item_id=item_id,
        )
    for name, wanted in (("P-0", orders[0]), ("P-1", orders[1]), (None, orders[1])):
        told = notice(NoticeKind.DOWNLOADED, f"of {name}", provider_order_id=name, iccid=ICCID)
        await receive(engine, told)
        assert (await noted(engine))[-1]["order_id"] == wanted


async def test_an_early_notice_is_found_by_the_providers_order(engine: AsyncEngine) -> None:
    """Nothing is known of the order yet: it waits in the inbox for who asks for that order."""
    assert not await heard(engine, "P-9")
    early = notice(NoticeKind.ORDER_READY, provider_order_id="P-9")
    assert await receive(engine, early) == frozenset()
    assert await heard(engine, "P-9")
    assert not await heard(engine, "P-8")
    assert await failure(engine, "P-9") is None


async def test_only_a_signed_failure_of_exactly_that_order_counts(engine: AsyncEngine) -> None:
    """Not an unsigned one, not another kind, and never one that shares our reference alone."""
    reference = "order-1"
    await receive(
        engine,
        notice(NoticeKind.ORDER_FAILED, "old", provider_order_id="OLD", reference=reference),
        notice(NoticeKind.ORDER_FAILED, "forged", provider_order_id="NEW", trusted=False),
        notice(NoticeKind.ORDER_READY, "ready", provider_order_id="NEW", reason="not a failure"),
        notice(NoticeKind.ORDER_FAILED, "vague", reference=reference),
    )
    assert await failure(engine, "NEW") is None
    assert await failure(engine, "OLD") == "The provider gave no reason."
    told = notice(NoticeKind.ORDER_FAILED, "new", provider_order_id="NEW", reason="sold out")
    await receive(engine, told)
    assert await failure(engine, "NEW") == "sold out"


@pytest.mark.parametrize("kind", [NoticeKind.DOWNLOADED, NoticeKind.INSTALLED])
async def test_the_first_download_is_the_one_that_counts(
    engine: AsyncEngine, kind: NoticeKind
) -> None:
    """The time is set once; the activation is not woken: it can change nothing any more."""
    order_id = await paid_order(engine)
    item_id = await bought_item(engine, order_id, ICCID)
    intent_id = await purchase(engine, order_id, state="CONFIRMED", item_id=item_id)
    assert await receive(engine, notice(kind, "e-1", iccid=ICCID)) == frozenset()
    assert await downloads(engine) == [intent_id]
    first = await value(engine, "SELECT downloaded_at FROM provider_intents")
    await receive(engine, notice(kind, "e-2", provider_order_id="P-1"))
    assert await value(engine, "SELECT downloaded_at FROM provider_intents") == first
    assert len(await noted(engine)) == 2


async def test_an_unsigned_download_marks_nothing(engine: AsyncEngine) -> None:
    """Nor is it kept; whoever could send one would decide what can be given back."""
    order_id = await paid_order(engine)
    item_id = await bought_item(engine, order_id, ICCID)
    await purchase(engine, order_id, state="CONFIRMED", item_id=item_id)
    await receive(engine, notice(NoticeKind.DOWNLOADED, iccid=ICCID, trusted=False))
    assert await downloads(engine) == []
    assert await noted(engine) == []
    assert await value(engine, "SELECT count(*) FROM provider_webhooks") == 0


@pytest.mark.parametrize("state", ["CONFIRMED", "REFUSED", "RESOLVED", None])
async def test_an_unsigned_notice_of_no_open_purchase_is_not_kept(
    engine: AsyncEngine, state: str | None
) -> None:
    """Anybody could fill the inbox with it; of an open purchase it is kept, under any name."""
    order_id = await paid_order(engine)
    if state == "RESOLVED":
        await purchase(engine, order_id, state="UNKNOWN")
        await run(
            engine,
            "UPDATE provider_intents SET state = 'RESOLVED', resolution = 'ABSENT',"
            " resolved_by = 'ana', resolved_reason = 'not booked', closed_at = now()",
        )
    elif state:
        item_id = await bought_item(engine, order_id, ICCID) if state == "CONFIRMED" else None
        await purchase(engine, order_id, state=state, item_id=item_id)
    names = {"provider_order_id": "P-1", "reference": f"order-{order_id}", "iccid": ICCID}
    for number, (name, given) in enumerate(names.items()):
        told = notice(NoticeKind.ORDER_READY, f"e-{number}", trusted=False, **{name: given})
        assert await receive(engine, told) == frozenset()
    assert await value(engine, "SELECT count(*) FROM provider_webhooks") == 0
    another = await paid_order(engine)
    await purchase(engine, another, state="SENT", provider_order_id=None)
    told = notice(NoticeKind.ORDER_READY, trusted=False, reference=f"order-{another}")
    assert await receive(engine, told) == {another}


async def test_notices_go_after_their_time_unless_their_purchase_is_open(
    engine: AsyncEngine,
) -> None:
    """Each request takes a few of the oldest away; what is in the audit trail stays."""
    ended, waiting = [await paid_order(engine) for _ in range(2)]
    await purchase(engine, ended, state="REFUSED")
    await purchase(engine, waiting, provider_order_id="P-2")
    for number, name in enumerate(("P-1", "P-2", "P-3")):
        await receive(engine, notice(NoticeKind.ORDER_READY, name, provider_order_id=name))
        assert number + 1 == await value(engine, "SELECT count(*) FROM provider_webhooks")
    await run(engine, "UPDATE provider_webhooks SET received_at = now() - interval '91 days'")
    await receive(engine, notice(NoticeKind.OTHER, "new"))
    left = await rows(engine, "SELECT event_id FROM provider_webhooks ORDER BY id")
    assert [row["event_id"] for row in left] == ["P-2", "new"]
    assert len(await noted(engine)) == 2


async def test_a_download_belongs_to_whom_the_profile_was_resold(engine: AsyncEngine) -> None:
    """The purchase of the first order is marked, the event is on the order that has the profile."""
    buyer, keeper = await paid_order(engine), await paid_order(engine)
    item_id = await bought_item(engine, keeper, ICCID)
    intent_id = await purchase(engine, buyer, state="CONFIRMED", item_id=item_id)
    await receive(engine, notice(NoticeKind.DOWNLOADED, provider_order_id="P-1", iccid=ICCID))
    assert await downloads(engine) == [intent_id]
    assert [event["order_id"] for event in await noted(engine)] == [keeper]


async def test_among_several_purchases_the_one_with_the_profile_is_meant(
    engine: AsyncEngine,
) -> None:
    """A refused one of the same reference, before or after, is not marked as downloaded."""
    order_id = await paid_order(engine)
    await purchase(engine, order_id, state="REFUSED", provider_order_id=None)
    item_id = await bought_item(engine, order_id, ICCID)
    sold = await purchase(engine, order_id, state="CONFIRMED", item_id=item_id)
    await purchase(engine, order_id, state="REFUSED", provider_order_id=None)
    await receive(engine, notice(NoticeKind.INSTALLED, reference=f"order-{order_id}"))
    assert await downloads(engine) == [sold]


async def test_an_order_written_by_hand_gets_its_profile(engine: AsyncEngine) -> None:
    """A notice of an order without a profile is put on record like any other."""
    order_id = await paid_order(engine)
    await run(engine, "DELETE FROM esim_profiles")
    await purchase(engine, order_id)
    told = notice(NoticeKind.ORDER_READY, provider_order_id="P-1")
    assert await receive(engine, told) == {order_id}
    assert await value(engine, "SELECT order_id FROM esim_profiles") == order_id


@pytest.mark.parametrize(
    "nasty", ["", "\0", "P-1\0", "\ud800", "x" * 5000, "é", "LPA:1$smdp.example.com$CANARY"]
)
async def test_names_that_postgres_cannot_hold_find_nothing(
    engine: AsyncEngine, nasty: str
) -> None:
    """NUL, surrogates, names too long for an index, pasted codes: stored once, without them."""
    order_id = await paid_order(engine)
    await purchase(engine, order_id)
    told = notice(
        NoticeKind.ORDER_FAILED,
        nasty,
        reference=nasty,
        provider_order_id=nasty,
        iccid=nasty,
        reason=nasty,
    )
    for _ in range(2):
        assert await receive(engine, told) == frozenset()
    [row] = await rows(engine, "SELECT * FROM provider_webhooks")
    assert (row["reference"], row["provider_order_id"], row["iccid"]) == (None, None, None)
    assert row["event_id"].startswith("sha256:")
    assert "CANARY" not in str(row)


async def test_an_event_id_that_is_cleaned_takes_no_other_ones_place(engine: AsyncEngine) -> None:
    """`e-1` with a NUL is another event than `e-1`; two providers may use the same id."""
    for event_id in ("e-1", "e-1\0", "e-1\0\0"):
        await receive(engine, notice(NoticeKind.OTHER, event_id))
    await receive(engine, notice(NoticeKind.OTHER, "e-1"), provider="ANOTHER")
    assert await value(engine, "SELECT count(*) FROM provider_webhooks") == 4
