"""The live adapter against a partner that keeps to the draft contract."""

import json
import logging
from dataclasses import replace

import pytest
import structlog

from domain.errors import ProviderOutcomeUnknown, ProviderUnavailable
from domain.provider import ProvisionRequest
from domain.purchase import Ambiguity
from providers.connected_you import ConnectedYou
from providers.connected_you.mapping import says_out_of_stock
from tests.partners.connected_you import (
    API_KEY,
    INSTRUCTIONS,
    MATCHING_ID,
    PARTNER_ID,
    PartnerServer,
)
from tests.partners.scripted import answering
from tests.providers.conftest import Build

SEED_REPLY = {
    "orderReference": "order-42",
    "activationCode": "LPA:1$XYZ",
    "iccid": "8901120200045678901",
    "qrCode": "LPA:1$XYZ",
    "instructions": "Install via Settings...",
}


async def test_request_is_the_contract_to_the_letter(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """One POST with the API key in its header and exactly the draft's body."""
    await live.provision(request_42)
    (received,) = partner.requests
    assert (received.method, received.path) == ("POST", "/partners/orders")
    assert received.headers["x-api-key"] == API_KEY
    assert received.headers["content-type"] == "application/json"
    assert received.json == {
        "partnerId": PARTNER_ID,
        "orderReference": "order-42",
        "planCode": "ES-5GB",
        "countryIso2": "ES",
        "quantity": 1,
        "customer": {"email": "canary.user@example.com", "name": "Canary Customer"},
        "metadata": {"order_id": 42, "plan_name": "Spain 5GB"},
    }


async def test_unknown_country_and_customer_are_left_out(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """A field we have no value for is absent, not null."""
    request = replace(request_42, country_iso2=None, customer_email=None, customer_name=None)
    await live.provision(request)
    body = partner.requests[0].json
    assert "countryIso2" not in body
    assert body["customer"] == {}


async def test_base_url_may_have_a_path(
    partner: PartnerServer, build: Build, request_42: ProvisionRequest
) -> None:
    """The contract's path goes behind the configured one."""
    await build(base_url=f"{partner.base_url}/api/v1/").provision(request_42)
    assert partner.requests[0].path == "/api/v1/partners/orders"


async def test_sold_profile_is_read(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """Every field of the reply arrives; what is kept for ops holds no secret."""
    esim = await live.provision(request_42)
    sold = partner.orders["order-42"]
    assert (esim.reference, esim.iccid) == ("order-42", sold["iccid"])
    assert esim.activation_code == esim.qr_payload == sold["activationCode"]
    assert esim.instructions == INSTRUCTIONS
    assert esim.request == live.describe_request(request_42)
    assert esim.reply == {
        "status": 200,
        "body": {
            "data": {
                "orderReference": "order-42",
                "activationCode": "[redacted]",
                "iccid": sold["iccid"],
                "qrCode": "[redacted]",
                "instructions": "[redacted]",
            }
        },
    }


async def test_seed_reply_is_accepted_and_its_bad_check_digit_logged(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """The draft's own example works: a short code, prefixed once, and an ICCID that fails Luhn."""
    partner.answer = answering(201, {"data": SEED_REPLY, "meta": {"extra": True}})
    with structlog.testing.capture_logs() as logs:
        esim = await live.provision(request_42)
    assert (esim.activation_code, esim.qr_payload) == ("LPA:1$XYZ", "LPA:1$XYZ")
    assert [line["event"] for line in logs] == ["code_doubt", "ICCID fails its Luhn check"]


@pytest.mark.parametrize(
    ("activation_code", "qr_payload"),
    [
        ("XYZ", "LPA:1$XYZ"),
        ("LPA:1$XYZ", "LPA:1$XYZ"),
        ("1$smdp.example.com$AB-12", "LPA:1$smdp.example.com$AB-12"),
        ("LPA:1$smdp.example.com$AB-12", "LPA:1$smdp.example.com$AB-12"),
    ],
)
async def test_missing_qr_code_is_derived(
    partner: PartnerServer,
    live: ConnectedYou,
    request_42: ProvisionRequest,
    activation_code: str,
    qr_payload: str,
) -> None:
    """Without a qrCode the QR payload comes from the activation code, prefixed once."""
    order = {key: text for key, text in SEED_REPLY.items() if key != "qrCode"}
    partner.answer = answering(200, {"data": {**order, "activationCode": activation_code}})
    esim = await live.provision(request_42)
    assert (esim.activation_code, esim.qr_payload) == (activation_code, qr_payload)


async def test_null_qr_code_counts_as_missing(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """A null is an absence."""
    partner.answer = answering(200, {"data": {**SEED_REPLY, "qrCode": None}})
    assert (await live.provision(request_42)).qr_payload == "LPA:1$XYZ"


@pytest.mark.parametrize(
    ("instructions", "shown"),
    [
        ("One\nTwo\x00\ud800\u202e", "One\nTwo"),
        ("", None),
        (None, None),
        ({"step": 1}, None),
    ],
)
async def test_instructions_are_made_printable(
    partner: PartnerServer,
    live: ConnectedYou,
    request_42: ProvisionRequest,
    instructions: object,
    shown: str | None,
) -> None:
    """What Postgres or a screen cannot show is dropped; odd shapes never lose the purchase."""
    partner.answer = answering(200, {"data": {**SEED_REPLY, "instructions": instructions}})
    assert (await live.provision(request_42)).instructions == shown


@pytest.mark.parametrize("iccid", [None, "", "N/A"])
async def test_profile_without_an_iccid_is_delivered(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest, iccid: str | None
) -> None:
    """The draft contract does not promise one, and the code works without it."""
    partner.answer = answering(200, {"data": {**SEED_REPLY, "iccid": iccid}})
    esim = await live.provision(request_42)
    assert (esim.iccid, esim.activation_code) == (None, "LPA:1$XYZ")


@pytest.mark.parametrize(
    "fault",
    [
        {"orderReference": "order-41"},
        {"orderReference": None},
        {"iccid": 8901120200045678901},
        {"iccid": "8.9E+18"},
        {"iccid": "not-an-iccid"},
        {"activationCode": None, "qrCode": None},
        {"activationCode": "", "qrCode": ""},
        {"activationCode": "PENDING", "qrCode": None},
        {"activationCode": "https://partner.example/esim/7"},
        {"activationCode": "LPA:1$LPA:1$XYZ"},
        {"activationCode": "CODE WITH SPACES"},
        {"activationCode": ["LPA:1$XYZ"], "qrCode": ["LPA:1$XYZ"]},
        {"qrCode": "LPA:1$OTHER"},
        {"qrCode": "LPA:1$nodots$XYZ"},
        {"planCode": "FR-1GB"},
        {"quantity": 2},
    ],
)
async def test_unusable_order_is_never_delivered(
    partner: PartnerServer,
    live: ConnectedYou,
    request_42: ProvisionRequest,
    fault: dict[str, object],
) -> None:
    """A reply with a wrong echo, ICCID or code was paid for, so a person looks at it."""
    partner.answer = answering(200, {"data": {**SEED_REPLY, **fault}})
    with pytest.raises(ProviderOutcomeUnknown, match="its reply cannot be used") as raised:
        await live.provision(request_42)
    assert raised.value.reply is not None
    assert "XYZ" not in f"{raised.value} {json.dumps(raised.value.reply)}"


@pytest.mark.parametrize("body", [[], None, "text", 7, {}, {"data": None}, {"data": [SEED_REPLY]}])
async def test_reply_without_an_order_is_unknown(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest, body: object
) -> None:
    """JSON of another shape may hide a purchase."""
    partner.answer = answering(200, body)
    with pytest.raises(ProviderOutcomeUnknown):
        await live.provision(request_42)


async def test_strict_luhn_refuses_a_wrong_check_digit(
    partner: PartnerServer, build: Build, request_42: ProvisionRequest
) -> None:
    """With strictness asked for, the draft's own example is unusable."""
    partner.answer = answering(200, {"data": SEED_REPLY})
    with pytest.raises(ProviderOutcomeUnknown, match="check digit"):
        await build(iccid_luhn_strict=True).provision(request_42)


async def test_nothing_secret_reaches_the_logs(
    live: ConnectedYou, request_42: ProvisionRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """With every library at its most talkative, no code, key or customer is logged."""
    caplog.set_level(logging.DEBUG, "httpcore")  # whatever another test has quietened
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as logs:
        await live.provision(request_42)
    everything = caplog.text + repr(logs)
    assert "httpcore" in everything
    for secret in (MATCHING_ID, API_KEY, "canary.user", "Canary Customer"):
        assert secret not in everything


async def test_every_purchase_opens_its_own_connection(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """A kept connection that died would look like a lost purchase."""
    await live.provision(request_42)
    await live.provision(request_42)
    assert partner.connections == 2


async def test_closed_adapter_sends_nothing(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """After aclose a purchase is refused before it is sent."""
    await live.aclose()
    with pytest.raises(ProviderUnavailable):
        await live.provision(request_42)
    assert partner.requests == []


@pytest.mark.parametrize("ambiguity", [Ambiguity.REVIEW, Ambiguity.IDEMPOTENT, Ambiguity.LOOKUP])
async def test_ambiguity_is_what_settings_say(build: Build, ambiguity: Ambiguity) -> None:
    """The operator says what the partner has confirmed."""
    assert build(ambiguity=ambiguity).traits.ambiguity is ambiguity


@pytest.mark.parametrize(
    "body",
    [
        "out of stock",
        {"code": "OUT_OF_STOCK"},
        {"error": {"code": "no_stock"}},
        {"message": "Plan is out of stock."},
        {"error": "Out of stock"},
    ],
)
def test_sold_out_is_recognised(body: object) -> None:
    """The usual spellings of a sold-out plan (unverified) are understood."""
    assert says_out_of_stock(body)
