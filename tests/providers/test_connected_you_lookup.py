"""The look-up of orders: only where the partner has confirmed it, and never a wrong "absent"."""

import pytest

from domain.errors import ProviderRefused, ProviderReplyUnusable, ProviderUnavailable
from domain.provider import ProvisionRequest
from domain.purchase import Ambiguity
from providers.connected_you import ConnectedYou
from tests.partners.connected_you import API_KEY, MATCHING_ID, PARTNER_ID, PartnerServer
from tests.partners.scripted import answering, reset_after_reading
from tests.providers.conftest import Build
from tests.providers.test_connected_you_failures import IMPATIENT_SECONDS, assert_clean

ORDER = {"orderReference": "order-42", "activationCode": "XYZ", "iccid": "8901120200045678901"}
OTHER = {**ORDER, "orderReference": "order-41"}


@pytest.fixture
def asking(build: Build) -> ConnectedYou:
    """An adapter whose partner has confirmed the look-up."""
    return build(ambiguity=Ambiguity.LOOKUP)


@pytest.mark.parametrize("ambiguity", [Ambiguity.REVIEW, Ambiguity.IDEMPOTENT])
async def test_unconfirmed_lookup_is_refused_without_a_call(
    partner: PartnerServer, build: Build, request_42: ProvisionRequest, ambiguity: Ambiguity
) -> None:
    """The draft documents no look-up, so none is tried by default."""
    with pytest.raises(ProviderRefused):
        await build(ambiguity=ambiguity).advance(request_42)
    assert partner.requests == []


async def test_lookup_asks_by_reference(
    partner: PartnerServer, asking: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """A GET with reference, partner and key; it books nothing."""
    assert await asking.advance(request_42) is None
    (received,) = partner.requests
    assert (received.method, received.path) == ("GET", "/partners/orders")
    assert received.query == {"partnerId": PARTNER_ID, "orderReference": "order-42"}
    assert received.headers["x-api-key"] == API_KEY
    assert partner.orders == {}


async def test_lost_purchase_is_found(
    partner: PartnerServer, build: Build, request_42: ProvisionRequest
) -> None:
    """After a timeout the look-up gives the profile that was booked."""
    adapter = build(ambiguity=Ambiguity.LOOKUP, timeout_seconds=IMPATIENT_SECONDS)
    partner.answer = partner.book_then_hang
    with pytest.raises(Exception, match="may have been booked"):
        await adapter.provision(request_42)
    partner.answer = partner.sell
    found = await adapter.advance(request_42)
    assert found is not None
    assert found.qr_payload == partner.orders["order-42"]["qrCode"]


@pytest.mark.parametrize("data", [ORDER, [ORDER], [OTHER, ORDER]])
async def test_order_is_found_in_either_shape(
    partner: PartnerServer, asking: ConnectedYou, request_42: ProvisionRequest, data: object
) -> None:
    """One order or a list of them; only the one with our reference counts."""
    partner.answer = answering(200, {"data": data})
    found = await asking.advance(request_42)
    assert found is not None
    assert (found.reference, found.qr_payload) == ("order-42", "LPA:1$XYZ")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"data": None},
        {"data": {}},
        {"data": [OTHER]},
        {"data": [ORDER, ORDER]},
        {"data": ["order-42"]},
    ],
)
async def test_puzzling_answer_is_not_an_absence(
    partner: PartnerServer, asking: ConnectedYou, request_42: ProvisionRequest, body: object
) -> None:
    """Absence leads to a second purchase, so only an empty list may say it."""
    partner.answer = answering(200, body)
    with pytest.raises(ProviderRefused) as raised:
        await asking.advance(request_42)
    assert_clean(raised.value)


async def test_our_order_without_a_usable_profile_is_kept_for_a_person(
    partner: PartnerServer, asking: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """It exists: the reply goes into quarantine, and nothing is bought again."""
    partner.answer = answering(200, {"data": [{**ORDER, "iccid": MATCHING_ID}]})
    with pytest.raises(ProviderReplyUnusable) as raised:
        await asking.advance(request_42)
    assert_clean(raised.value)
    assert MATCHING_ID in str(raised.value.raw)


@pytest.mark.parametrize("status", [400, 404])
async def test_missing_endpoint_is_not_an_absence(
    partner: PartnerServer, asking: ConnectedYou, request_42: ProvisionRequest, status: int
) -> None:
    """A 404 may mean that there is no such look-up at all."""
    partner.answer = answering(status, {})
    with pytest.raises(ProviderRefused):
        await asking.advance(request_42)


@pytest.mark.parametrize(
    "answer",
    [
        answering(401, {}),
        answering(500, {}),
        answering(429, {}),
        answering(200, b"{"),
        reset_after_reading,
    ],
)
async def test_failed_lookup_changes_nothing(
    partner: PartnerServer, asking: ConnectedYou, request_42: ProvisionRequest, answer: object
) -> None:
    """Asking books nothing, so a failure is only "not now"."""
    partner.answer = answer  # type: ignore[assignment]
    with pytest.raises(ProviderUnavailable):
        await asking.advance(request_42)
