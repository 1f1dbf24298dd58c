"""Airalo's orders: what is sent, what of the reply is believed, and what never is."""

import json
import logging
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
import structlog
from airalo.helpers.signature import Signature  # type: ignore[import-untyped]

from domain.errors import Misconfigured, ProviderRefused, ProviderReplyUnusable, ProviderUnavailable
from domain.provider import AcceptedOrder, Bought, ProvisionedEsim, ProvisionRequest
from domain.purchase import Ambiguity
from providers.airalo import AIRALO, Airalo, AiraloConfig
from tests.partners.airalo import (
    CLIENT_ID,
    CLIENT_SECRET,
    CONFIRMATION_CODE,
    MATCHING_ID,
    ORDER,
    SECRETS,
    SIM,
    TALKATIVE,
    TOKEN,
    after_token,
    airalo_at,
    config_for,
    selling,
)
from tests.partners.scripted import ScriptedServer, answering
from tests.providers.secrecy import assert_clean

WEBHOOK = "https://shop.example/api/webhooks/AIRALO?token=canary"
ACCEPTED = {
    "data": {"request_id": "3NhR3gKmqCWK7IWppurpDX3Cg", "accepted_at": "2024-07-11 15:26:02"},
    "meta": {"message": "success"},
}


async def bought(
    partner: ScriptedServer, request: ProvisionRequest, **changes: object
) -> ProvisionedEsim:
    """The profile of a purchase that must succeed at once."""
    async with airalo_at(partner, **changes) as airalo:
        esim = await airalo.provision(request)
    assert isinstance(esim, ProvisionedEsim)
    return esim


async def test_order_is_the_contract_to_the_letter(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """A form for the token, then one JSON order with it; no customer anywhere."""
    partner.answer = selling(ORDER)
    await bought(partner, request_42)
    token, order = partner.requests
    assert (token.method, token.path) == ("POST", "/v2/token")
    assert token.headers["content-type"] == "application/x-www-form-urlencoded"
    assert token.body.decode() == (
        f"client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&grant_type=client_credentials"
    )
    assert "authorization" not in token.headers
    assert (order.method, order.path) == ("POST", "/v2/orders")
    assert order.headers["authorization"] == f"Bearer {TOKEN}"
    assert order.headers["content-type"] == "application/json"
    assert order.json == {
        "package_id": "ES-5GB",
        "quantity": 1,
        "type": "sim",
        "description": "order-42",
    }


async def test_every_post_is_signed_as_the_official_client_signs(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """PyPI `airalo-sdk` finds the signatures of token and order right, over their fields."""
    partner.answer = after_token(answering(202, ACCEPTED))
    async with airalo_at(partner, asynchronous=True, webhook_url=WEBHOOK) as airalo:
        await airalo.provision(request_42)
    token, order = partner.requests
    sdk = Signature(CLIENT_SECRET)
    form = dict(parse_qsl(token.body.decode()))
    assert sdk.check_signature(token.headers["airalo-signature"], form)
    assert sdk.check_signature(order.headers["airalo-signature"], order.json)


async def test_sold_profile_is_read(partner: ScriptedServer, request_42: ProvisionRequest) -> None:
    """ICCID, code and confirmation code arrive; what is kept for ops holds no secret."""
    sim = {**SIM, "confirmation_code": CONFIRMATION_CODE, "qrcode_url": TALKATIVE}
    partner.answer = selling({**ORDER, "sims": [sim], "unheard_of": TALKATIVE})
    esim = await bought(partner, request_42)
    assert (esim.reference, esim.iccid) == ("order-42", "891000000000009125")
    assert esim.activation_code == esim.qr_payload == SIM["qrcode"]
    assert esim.confirmation_code == CONFIRMATION_CODE
    assert (esim.instructions, esim.expires_at) == (None, None)
    assert esim.raw is not None
    assert MATCHING_ID in esim.raw
    kept = json.dumps([esim.request, esim.reply])
    for secret in SECRETS:
        assert secret not in f"{kept} {esim!r}"
    assert '"package_id": "ES-5GB"' in kept


async def test_confirmation_code_can_be_typed_in(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """Without what Postgres cannot keep and no phone has a key for."""
    partner.answer = selling({**ORDER, "sims": [{**SIM, "confirmation_code": "47\0 11\ud800\n"}]})
    esim = await bought(partner, request_42)
    assert esim.confirmation_code == "47 11"


async def test_code_follows_from_host_and_matching_id(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """Without a QR code text the LPA string is made of its parts."""
    partner.answer = selling({**ORDER, "sims": [{**SIM, "qrcode": None}]})
    assert (await bought(partner, request_42)).qr_payload == SIM["qrcode"]


async def test_instructions_become_plain_text(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """Both texts without their markup, then the access point that must be typed in."""
    order = {
        **ORDER,
        "qrcode_installation": "<p><b>eSIM name: </b>Uki</p><ol><li>Settings > Add eSIM.</li></ol>",
        "manual_installation": "<p>Tom&amp;Co<br>Second\x00 line</p>",
        "sims": [
            {
                **SIM,
                "apn": {
                    "ios": {"apn_type": "automatic", "apn_value": "globaldata"},
                    "android": {"apn_type": "manual", "apn_value": "globaldata"},
                },
            }
        ],
    }
    partner.answer = selling(order)
    assert (await bought(partner, request_42)).instructions == (
        "eSIM name: Uki\nSettings > Add eSIM.\n\nTom&Co\nSecond line\n\nAPN for Android: globaldata"
    )


async def test_access_point_without_platforms_is_told(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """Older replies name one access point for all phones; the same text is said once."""
    sim = {**SIM, "apn_type": "manual", "apn_value": "globaldata"}
    texts = {"qrcode_installation": "<p>Scan.</p>", "manual_installation": "<p>Scan.</p>"}
    partner.answer = selling({**ORDER, **texts, "sims": [sim]})
    assert (await bought(partner, request_42)).instructions == "Scan.\n\nAPN: globaldata"


@pytest.mark.parametrize("markup", ["<" * 100_000, 7, ["<p>"], "<script", "&#0;"])
async def test_odd_instructions_never_spoil_a_purchase(
    partner: ScriptedServer, request_42: ProvisionRequest, markup: object
) -> None:
    """Whatever stands there, the profile is delivered."""
    partner.answer = selling({**ORDER, "qrcode_installation": markup})
    assert (await bought(partner, request_42)).qr_payload == SIM["qrcode"]


async def test_asynchronous_order_is_accepted(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """`orders-async` with the place that is told, which is neither described nor kept."""
    partner.answer = after_token(answering(202, ACCEPTED))
    async with airalo_at(partner, asynchronous=True, webhook_url=WEBHOOK) as airalo:
        accepted = await airalo.provision(request_42)
        described = airalo.describe_request(request_42)
    assert isinstance(accepted, AcceptedOrder)
    assert accepted.provider_order_id == "3NhR3gKmqCWK7IWppurpDX3Cg"
    assert accepted.reply == {
        "status": 202,
        "body": {
            **ACCEPTED,
            "data": {"request_id": "3NhR3gKm…", "accepted_at": ACCEPTED["data"]["accepted_at"]},
        },
    }
    order = partner.requests[1]
    assert order.path == "/v2/orders-async"
    assert order.json == {**described, "webhook_url": WEBHOOK}


@pytest.mark.parametrize("changes", [{"webhook_url": WEBHOOK}, {"asynchronous": True}])
async def test_place_to_tell_goes_with_asynchronous_orders_only(
    partner: ScriptedServer, request_42: ProvisionRequest, changes: dict[str, object]
) -> None:
    """`orders` has no such field, and an opted-in place needs no setting."""
    partner.answer = after_token(answering(200, {"data": {**ORDER, "request_id": "r-1"}}))
    async with airalo_at(partner, **changes) as airalo:
        await airalo.provision(request_42)
    assert "webhook_url" not in partner.requests[1].json


async def test_plan_without_a_code_is_refused_before_the_send(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """We cannot order what we have no name for; not even a token is asked for."""
    async with airalo_at(partner) as airalo:
        with pytest.raises(ProviderRefused, match="plan_codes"):
            await airalo.provision(replace(request_42, plan_code=None))
    assert partner.requests == []


@pytest.mark.parametrize(
    "fault",
    [
        {"description": "order-4"},
        {"description": None},
        {"package_id": "FR-1GB"},
        {"package_id": None},
        {"quantity": 2},
        {"quantity": "2"},
        {"quantity": None},
        {"quantity": True},
        {"sims": None},
        {"sims": []},
        {"sims": [SIM, SIM]},
        {"sims": [MATCHING_ID]},
        {"sims": [{**SIM, "iccid": 891000000000009125}]},
        {"sims": [{**SIM, "iccid": None}]},
        {"sims": [{**SIM, "iccid": "8.9E+17"}]},
        {"sims": [{**SIM, "iccid": f"89{MATCHING_ID}"}]},
        {"sims": [{**SIM, "qrcode": "LPA:1$lpa.airalo.com$other"}]},
        {"sims": [{**SIM, "qrcode": "LPA:1$lpa.airalo.com$CANARY-OTHER"}]},
        {"sims": [{**SIM, "qrcode": f"LPA:1$other.airalo.com${MATCHING_ID}"}]},
        {"sims": [{**SIM, "qrcode": MATCHING_ID, "lpa": None}]},
        {"sims": [{**SIM, "qrcode": "https://qr.example/7.png", "matching_id": None}]},
        {"sims": [{**SIM, "qrcode": None, "lpa": None}]},
        {"sims": [{**SIM, "confirmation_code": 4711}]},
    ],
)
async def test_unusable_order_is_never_delivered(
    partner: ScriptedServer, request_42: ProvisionRequest, fault: dict[str, object]
) -> None:
    """Wrong echo, ICCID or code: it was paid for, so a person looks at the whole reply."""
    partner.answer = selling({**ORDER, **fault})
    async with airalo_at(partner) as airalo:
        with pytest.raises(ProviderReplyUnusable, match="cannot be used") as raised:
            await airalo.provision(request_42)
    assert_clean(raised.value, *SECRETS, "CANARY")
    assert raised.value.raw is not None
    assert json.loads(raised.value.raw)["data"] == {**ORDER, **fault}


@pytest.mark.parametrize("body", [[], None, "text", 7, {}, {"data": []}, {"data": [ORDER]}])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_reply_without_an_order_is_unusable(
    partner: ScriptedServer, request_42: ProvisionRequest, body: object, asynchronous: bool
) -> None:
    """JSON of another shape may hide a purchase."""
    partner.answer = after_token(answering(200, body))
    async with airalo_at(partner, asynchronous=asynchronous) as airalo:
        with pytest.raises(ProviderReplyUnusable):
            await airalo.provision(request_42)


@pytest.mark.parametrize("request_id", [None, "", 7, "LPA:1$host$CODE", "with space", "x" * 65])
async def test_acceptance_without_a_name_is_unusable(
    partner: ScriptedServer, request_42: ProvisionRequest, request_id: object
) -> None:
    """What cannot be asked about later is a person's matter."""
    partner.answer = after_token(answering(202, {"data": {"request_id": request_id}}))
    async with airalo_at(partner, asynchronous=True) as airalo:
        with pytest.raises(ProviderReplyUnusable, match="request_id"):
            await airalo.provision(request_42)


async def test_wrong_check_digit_is_logged_or_refused(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """The reference's own example fails Luhn: a warning, unless strictness is asked for."""
    partner.answer = selling(ORDER)
    with structlog.testing.capture_logs() as logs:
        await bought(partner, request_42)
    assert [line["event"] for line in logs] == ["ICCID fails its Luhn check"]
    async with airalo_at(partner, iccid_luhn_strict=True) as airalo:
        with pytest.raises(ProviderReplyUnusable, match="check digit"):
            await airalo.provision(request_42)


async def test_nothing_secret_reaches_the_logs(
    partner: ScriptedServer, request_42: ProvisionRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """With every library at its most talkative, no code, token or secret is logged."""
    partner.answer = selling(ORDER)
    caplog.set_level(logging.DEBUG, "httpcore")  # whatever another test has quietened
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as logs:
        await bought(partner, request_42)
    everything = caplog.text + repr(logs)
    assert "httpcore" in everything
    for secret in (*SECRETS, "canary.user", "Canary Customer"):
        assert secret not in everything


async def test_order_cannot_be_given_back(partner: ScriptedServer) -> None:
    """Refunds are by request and by hand; nothing is sent."""
    async with airalo_at(partner) as airalo:
        assert not airalo.traits.returnable
        assert not airalo.traits.enables
        assert await airalo.cancel(Bought("order-42", None, "891000000000009125")) is False
    assert partner.requests == []


async def test_closed_adapter_sends_nothing(
    partner: ScriptedServer, request_42: ProvisionRequest
) -> None:
    """After aclose a purchase is refused before it is sent."""
    async with airalo_at(partner) as airalo:
        await airalo.aclose()
        with pytest.raises(ProviderUnavailable):
            await airalo.provision(request_42)
    assert partner.requests == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"client_id": ""}, "AIRALO_CLIENT_ID"),
        ({"client_secret": None}, "AIRALO_CLIENT_SECRET"),
        ({"client_secret": "canary secret"}, "AIRALO_CLIENT_SECRET"),
        ({"client_secret": "canary\n"}, "AIRALO_CLIENT_SECRET"),
        ({"ambiguity": Ambiguity.IDEMPOTENT}, "AIRALO_AMBIGUITY"),
        ({"webhook_url": "http://shop.example/canary"}, "AIRALO_WEBHOOK_URL"),
        ({"base_url": "http://partners-api.airalo.com/canary"}, "AIRALO_BASE_URL"),
    ],
)
def test_wrong_setting_is_named_and_not_quoted(changes: dict[str, object], named: str) -> None:
    """The process does not start, and the sentence says which variable to mend."""
    with pytest.raises(Misconfigured, match=named) as raised:
        AIRALO.build(replace(AiraloConfig(client_id="id", client_secret="s"), **changes))  # type: ignore[arg-type]
    assert "canary" not in str(raised.value)


async def test_defaults_are_careful(partner: ScriptedServer) -> None:
    """A look-up settles what is unknown, after longer than an order takes; no secret shows."""
    config = config_for(partner)
    airalo = Airalo(config)
    assert airalo.traits.ambiguity is Ambiguity.LOOKUP
    assert airalo.traits.settle_gap_seconds == 600
    assert not airalo.traits.resellable
    assert airalo.traits.limits.rate_per_second == 5
    assert CLIENT_SECRET not in repr(config)
    await airalo.aclose()
