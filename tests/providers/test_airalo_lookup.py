"""Airalo's list of orders: never a wrong "absent", never another order's profile."""

import asyncio
import json
from dataclasses import replace

import pytest

from domain.errors import (
    ProviderOrderFailed,
    ProviderRefused,
    ProviderReplyUnusable,
    ProviderUnavailable,
)
from domain.provider import AcceptedOrder, ProvisionedEsim, ProvisionRequest
from tests.partners.airalo import (
    MATCHING_ID,
    ORDER,
    SECRETS,
    SIM,
    after_token,
    airalo_at,
    listing,
)
from tests.partners.scripted import Received, ScriptedServer, answering, send_json
from tests.providers.secrecy import assert_clean

OTHER_CODE = "OTHER-CANARY-1234"
OTHER = {
    **ORDER,
    "description": "order-421",
    "sims": [{**SIM, "matching_id": OTHER_CODE, "qrcode": f"LPA:1$lpa.airalo.com${OTHER_CODE}"}],
}
REQUEST_ID = "3NhR3gKmqCWK7IWppurpDX3Cg"


@pytest.fixture
def accepted(request_42: ProvisionRequest) -> ProvisionRequest:
    """The purchase for order 42 once Airalo has accepted it."""
    return replace(request_42, provider_order_id=REQUEST_ID)


async def test_lookup_asks_for_the_description(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """A GET with filter and eSIMs, without the user's address; it books nothing."""
    partner.answer = listing()
    async with airalo_at(partner) as airalo:
        assert await airalo.advance(request_42) is None
    asked = partner.requests[1]
    assert (asked.method, asked.path) == ("GET", "/v2/orders")
    assert asked.query == {
        "filter[description]": "order-42",
        "include": "sims,status",
        "limit": "100",
        "page": "1",
    }


@pytest.mark.parametrize("provider_order_id", [None, REQUEST_ID])
async def test_order_is_found_among_similar_ones(
    partner: ScriptedServer, request_42: ProvisionRequest, provider_order_id: str | None
) -> None:
    """Airalo finds parts of a description; nothing of another order is delivered or kept."""
    partner.answer = listing(OTHER, ORDER)
    async with airalo_at(partner) as airalo:
        found = await airalo.advance(replace(request_42, provider_order_id=provider_order_id))
    assert isinstance(found, ProvisionedEsim)
    assert (found.reference, found.qr_payload) == ("order-42", SIM["qrcode"])
    assert MATCHING_ID in str(found.raw)
    assert OTHER_CODE not in str(found.raw)
    kept = json.dumps(found.reply)
    assert '"description": "order-42"' in kept
    assert "order-421" not in kept
    assert MATCHING_ID not in kept


async def test_order_is_found_on_any_page(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """Pages are read to the last one."""

    async def paged(received: Received, writer: asyncio.StreamWriter) -> None:
        page = int(received.query["page"])
        orders = [ORDER] if page == 3 else [OTHER]
        await send_json(writer, 200, {"data": orders, "meta": {"last_page": 3}})

    partner.answer = after_token(paged)
    async with airalo_at(partner) as airalo:
        assert isinstance(await airalo.advance(request_42), ProvisionedEsim)
    assert [each.query.get("page") for each in partner.requests] == [None, "1", "2", "3"]


async def test_similar_orders_alone_are_an_absence(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """With the whole list read, ours is positively not in it."""
    partner.answer = listing(OTHER)
    async with airalo_at(partner) as airalo:
        assert await airalo.advance(request_42) is None


@pytest.mark.parametrize("description", [None, "", "order-7"])
async def test_a_list_of_something_else_is_no_absence(
    partner: ScriptedServer, request_42: ProvisionRequest, description: str | None
) -> None:
    """It was not made for our reference, so what is not on it may still exist."""
    partner.answer = listing(OTHER, {**OTHER, "description": description})
    async with airalo_at(partner) as airalo:
        with pytest.raises(ProviderRefused):
            await airalo.advance(request_42)


async def test_accepted_order_that_is_not_listed_is_under_way(
    partner: ScriptedServer, accepted: ProvisionRequest
) -> None:
    """Airalo took it on and lists it once it is delivered: an empty list is no refusal."""
    partner.answer = listing(OTHER)
    async with airalo_at(partner) as airalo:
        answer = await airalo.advance(accepted)
    assert isinstance(answer, AcceptedOrder)
    assert answer.provider_order_id == REQUEST_ID


@pytest.mark.parametrize(
    ("order", "name"),
    [
        ({**ORDER, "sims": []}, "20230227-009666"),
        ({**ORDER, "sims": None}, "20230227-009666"),
        ({**ORDER, "sims": None, "code": None}, "9666"),
    ],
)
async def test_listed_order_without_esims_is_under_way(
    partner: ScriptedServer,
    request_42: ProvisionRequest,
    accepted: ProvisionRequest,
    order: dict[str, object],
    name: str,
) -> None:
    """It exists, so it is neither absent nor delivered."""
    partner.answer = listing(order)
    async with airalo_at(partner) as airalo:
        found, known = await airalo.advance(request_42), await airalo.advance(accepted)
    assert isinstance(found, AcceptedOrder)
    assert isinstance(known, AcceptedOrder)
    assert (found.provider_order_id, known.provider_order_id) == (name, REQUEST_ID)


@pytest.mark.parametrize(
    "orders",
    [
        [ORDER, ORDER],
        [ORDER, {**ORDER, "sims": []}],
        [{**ORDER, "package_id": "FR-1GB"}],
        [{**ORDER, "quantity": 2}],
        [{**ORDER, "sims": [SIM, SIM]}],
        [{**ORDER, "sims": [{**SIM, "iccid": 891000000000009125}]}],
        [{**ORDER, "sims": [{**SIM, "qrcode": "LPA:1$other.example.com$OTHER-1"}]}],
        [{**ORDER, "status": {"name": "Refunded", "slug": "refunded"}}],
        [{**ORDER, "status": {"slug": "partially_refunded"}}],
    ],
)
@pytest.mark.parametrize("provider_order_id", [None, REQUEST_ID])
async def test_order_that_cannot_be_delivered_is_a_persons_matter(
    partner: ScriptedServer,
    request_42: ProvisionRequest,
    orders: list[object],
    provider_order_id: str | None,
) -> None:
    """Bought twice, refunded or broken: sold, and never delivered as it is."""
    partner.answer = listing(*orders, OTHER)
    async with airalo_at(partner) as airalo:
        with pytest.raises(ProviderReplyUnusable) as raised:
            await airalo.advance(replace(request_42, provider_order_id=provider_order_id))
    assert_clean(raised.value, *SECRETS, OTHER_CODE)
    assert raised.value.raw is not None
    assert json.loads(raised.value.raw) == {"data": orders}


FAILED: dict[str, object] = {**ORDER, "sims": [], "status": {"slug": "failed"}}


@pytest.mark.parametrize(
    ("order", "name"),
    [
        (FAILED, "20230227-009666"),
        ({**FAILED, "code": None}, "9666"),
        ({**FAILED, "request_id": REQUEST_ID}, REQUEST_ID),
    ],
)
async def test_failed_order_is_said_to_have_failed(
    partner: ScriptedServer,
    request_42: ProvisionRequest,
    order: dict[str, object],
    name: str,
) -> None:
    """Definite only for the very order that Airalo had accepted, by any name it goes by."""
    partner.answer = listing(order)
    async with airalo_at(partner) as airalo:
        with pytest.raises(ProviderOrderFailed):
            await airalo.advance(replace(request_42, provider_order_id=name))
        with pytest.raises(ProviderRefused) as raised:
            await airalo.advance(request_42)
    assert type(raised.value) is ProviderRefused


async def test_an_earlier_failed_order_does_not_end_an_accepted_one(
    partner: ScriptedServer, accepted: ProvisionRequest
) -> None:
    """It has our description too, and another name: the accepted one is still under way."""
    partner.answer = listing(FAILED, {**FAILED, "id": 9665, "code": "20230226-009665"})
    async with airalo_at(partner) as airalo:
        answer = await airalo.advance(accepted)
    assert isinstance(answer, AcceptedOrder)
    assert answer.provider_order_id == REQUEST_ID


@pytest.mark.parametrize("provider_order_id", [None, REQUEST_ID])
async def test_order_is_found_beside_an_earlier_failed_one(
    partner: ScriptedServer, request_42: ProvisionRequest, provider_order_id: str | None
) -> None:
    """What failed was not sold: the two are no double purchase."""
    partner.answer = listing(ORDER, {**FAILED, "id": 9665, "code": "20230226-009665"})
    async with airalo_at(partner) as airalo:
        found = await airalo.advance(replace(request_42, provider_order_id=provider_order_id))
    assert isinstance(found, ProvisionedEsim)
    assert found.qr_payload == SIM["qrcode"]


PUZZLES = [
    answering(200, []),
    answering(200, {}),
    answering(200, {"data": None}),
    answering(200, {"data": {}}),
    answering(200, {"data": ["order-42"]}),
    answering(200, {"data": [OTHER] * 100}),
    answering(200, {"data": [OTHER], "meta": {"last_page": 99}}),
    answering(404, {}),
]


@pytest.mark.parametrize("answer", PUZZLES)
async def test_puzzling_answer_is_not_an_absence(
    partner: ScriptedServer,
    request_42: ProvisionRequest,
    accepted: ProvisionRequest,
    answer: object,
) -> None:
    """Absence leads to a second purchase, and nothing of it says that an order has failed."""
    partner.answer = after_token(answer)  # type: ignore[arg-type]
    async with airalo_at(partner) as airalo:
        with pytest.raises(ProviderRefused) as raised:
            await airalo.advance(request_42)
        with pytest.raises(ProviderUnavailable) as waiting:
            await airalo.advance(accepted)
    assert_clean(raised.value, *SECRETS, OTHER_CODE)
    assert_clean(waiting.value, *SECRETS, OTHER_CODE)


async def test_refused_credentials_say_nothing_of_an_accepted_order(
    partner: ScriptedServer, accepted: ProvisionRequest
) -> None:
    """A revoked secret is an operator's trouble, not the order's."""
    partner.answer = answering(401, {"data": [], "meta": {"message": "no"}})
    async with airalo_at(partner) as airalo:
        with pytest.raises(ProviderUnavailable):
            await airalo.advance(accepted)
