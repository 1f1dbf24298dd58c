"""The four ES2+ functions as they go over the wire, and what their replies become."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import structlog

from domain.codes import parse_activation_code
from domain.errors import Misconfigured, ProviderRefused, ProviderReplyUnusable
from domain.provider import AcceptedOrder, Bought, ProvisionRequest
from domain.purchase import Ambiguity
from tests.partners.es2plus import (
    BOUGHT_42,
    ICCID,
    SMDP_ADDRESS,
    WIRE_ICCID,
    Build,
    builder,
    by_function,
    call_identifier,
    called,
    done,
    failed,
)
from tests.partners.scripted import ScriptedServer

MATCHING_ID = re.compile(r"[0-9A-Z]{8}(-[0-9A-Z]{8}){3}")


@pytest.fixture
async def build(partner: ScriptedServer) -> AsyncIterator[Build]:
    """An SM-DP+ where everything goes well, and adapters for it."""
    partner.answer = by_function(
        downloadOrder=done(iccid=WIRE_ICCID),
        confirmOrder=done(smdpAddress=SMDP_ADDRESS),
        releaseProfile=done(),
        cancelOrder=done(),
    )
    async with builder(partner) as build:
        yield build


@pytest.fixture
def accepted_42(request_42: ProvisionRequest) -> ProvisionRequest:
    """The purchase for order 42 once its profile is reserved."""
    return replace(request_42, provider_order_id=ICCID)


async def test_purchase_is_a_download_order_by_profile_type(
    partner: ScriptedServer, build: Build, request_42: ProvisionRequest
) -> None:
    """Path, headers and body as SGP.22 has them, and nothing of the customer."""
    accepted = await build().provision(request_42)
    (received,) = partner.requests
    assert received.method == "POST"
    assert received.path == "/gsma/rsp2/es2plus/downloadOrder"
    assert received.headers["x-admin-protocol"] == "gsma/rsp/v2.2.0"
    assert received.headers["content-type"] == "application/json;charset=UTF-8"
    assert received.json == {
        "header": {
            "functionRequesterIdentifier": "operator-1",
            "functionCallIdentifier": call_identifier(received),
        },
        "profileType": "ES-5GB",
    }
    assert accepted == AcceptedOrder(
        ICCID,
        {
            "status": 200,
            "body": {
                "header": {"functionExecutionStatus": {"status": "Executed-Success"}},
                "iccid": WIRE_ICCID,
            },
        },
        allotted_iccid=ICCID,
    )


async def test_confirmation_carries_a_matching_id_of_ours_and_holds_the_release_back(
    partner: ScriptedServer, build: Build, accepted_42: ProvisionRequest
) -> None:
    """ConfirmOrder names the padded ICCID and our id; the profile is the same id in a code."""
    esim = await build().advance(accepted_42)
    (received,) = partner.requests
    assert received.path == "/gsma/rsp2/es2plus/confirmOrder"
    matching_id = str(received.json["matchingId"])
    assert received.json == {
        "header": {
            "functionRequesterIdentifier": "operator-1",
            "functionCallIdentifier": call_identifier(received),
        },
        "iccid": WIRE_ICCID,
        "matchingId": matching_id,
        "releaseFlag": False,
    }
    assert MATCHING_ID.fullmatch(matching_id)
    assert esim.activation_code == f"1${SMDP_ADDRESS}${matching_id}"
    assert esim.qr_payload == f"LPA:1${SMDP_ADDRESS}${matching_id}"
    assert parse_activation_code(esim.qr_payload).lpa_string == esim.qr_payload
    assert (esim.reference, esim.iccid, esim.confirmation_code) == ("order-42", ICCID, None)


async def test_release_and_cancellation_name_the_profile(
    partner: ScriptedServer, build: Build, accepted_42: ProvisionRequest
) -> None:
    """ReleaseProfile needs the ICCID alone; CancelOrder shows the matching id, too."""
    adapter = build()
    await adapter.advance(accepted_42)
    await adapter.enable(BOUGHT_42)
    assert await adapter.cancel(BOUGHT_42) is True
    confirmed, released, cancelled = partner.requests
    assert released.path == "/gsma/rsp2/es2plus/releaseProfile"
    assert {key: value for key, value in released.json.items() if key != "header"} == {
        "iccid": WIRE_ICCID
    }
    assert cancelled.path == "/gsma/rsp2/es2plus/cancelOrder"
    assert {key: value for key, value in cancelled.json.items() if key != "header"} == {
        "iccid": WIRE_ICCID,
        "matchingId": confirmed.json["matchingId"],
        "finalProfileStatusIndicator": "Available",
    }


async def test_settings_reach_the_wire(
    partner: ScriptedServer, build: Build, request_42: ProvisionRequest
) -> None:
    """Protocol version, our name, a path below the host, and what cancelled profiles become."""
    adapter = build(
        base_url=f"{partner.base_url}/operator-a/",
        requester_id="1.3.6.1.4.1.99999",
        protocol_version="v2.4.1",
        cancelled_status="Unavailable",
    )
    await adapter.provision(request_42)
    await adapter.cancel(BOUGHT_42)
    ordered, cancelled = partner.requests
    assert ordered.path == "/operator-a/gsma/rsp2/es2plus/downloadOrder"
    assert ordered.headers["x-admin-protocol"] == "gsma/rsp/v2.4.1"
    header = ordered.json["header"]
    assert isinstance(header, dict)
    assert header["functionRequesterIdentifier"] == "1.3.6.1.4.1.99999"
    assert cancelled.json["finalProfileStatusIndicator"] == "Unavailable"


async def test_every_call_has_its_own_identifier_that_begins_with_our_reference(
    partner: ScriptedServer, build: Build, accepted_42: ProvisionRequest
) -> None:
    """An operator finds all calls of an order, and no two calls share a name."""
    adapter = build()
    await adapter.provision(accepted_42)
    for _ in range(2):
        await adapter.advance(accepted_42)
        await adapter.enable(BOUGHT_42)
    await adapter.cancel(BOUGHT_42)
    names = [call_identifier(received) for received in partner.requests]
    assert len(names) == len(set(names)) == 6
    assert all(name.startswith("order-42:") for name in names)


@pytest.mark.parametrize("digits", ["892101234567890123", ICCID, "89210123456789012312"])
async def test_iccids_of_all_lengths_are_padded_to_twenty(
    partner: ScriptedServer, build: Build, request_42: ProvisionRequest, digits: str
) -> None:
    """18 digits take two Fs, 20 none; the order id has no padding."""
    partner.answer = by_function(
        downloadOrder=done(iccid=digits.ljust(20, "F")), confirmOrder=done()
    )
    adapter = build()
    accepted = await adapter.provision(request_42)
    assert accepted.provider_order_id == digits
    await adapter.advance(replace(request_42, provider_order_id=digits))
    assert partner.requests[-1].json["iccid"] == digits.ljust(20, "F")


async def test_unpadded_iccid_and_lower_case_padding_are_read(
    partner: ScriptedServer, build: Build, request_42: ProvisionRequest
) -> None:
    """Not every SM-DP+ pads, nor with a capital F."""
    for given in (ICCID, f"{ICCID}f"):
        partner.answer = by_function(downloadOrder=done(iccid=given))
        assert (await build().provision(request_42)).provider_order_id == ICCID


@pytest.mark.parametrize(
    "iccid",
    [
        None,
        8921012345678901231,
        8.921012345678901e18,
        "",
        "FFFFFFFFFFFFFFFFFFFF",
        "8921012345678901",
        "892101234567890123123",
        f"{ICCID}FF",
        "8921 0123 4567 8901 231",
        "892101234567890CANARY",
        "٨٩٢١٠١٢٣٤٥٦٧٨٩٠١٢٣١",
        [ICCID],
        {"iccid": ICCID},
    ],
)
async def test_reservation_without_a_usable_iccid_is_kept_for_a_person(
    partner: ScriptedServer, build: Build, request_42: ProvisionRequest, iccid: object
) -> None:
    """Something is reserved, and we cannot name it: the raw reply is all there is."""
    partner.answer = by_function(downloadOrder=done(iccid=iccid))
    with pytest.raises(ProviderReplyUnusable) as raised:
        await build().provision(request_42)
    assert raised.value.raw == json.dumps(done(iccid=iccid))
    assert raised.value.reply is not None
    assert "CANARY" not in f"{raised.value.message} {raised.value.reply}"


async def test_wrong_check_digit_is_logged_or_refused(
    partner: ScriptedServer, build: Build, request_42: ProvisionRequest
) -> None:
    """As everywhere: a warning, unless ICCID_LUHN_STRICT."""
    partner.answer = by_function(downloadOrder=done(iccid="8921012345678901230F"))
    with structlog.testing.capture_logs() as logs:
        await build().provision(request_42)
    assert [line["event"] for line in logs] == ["ICCID fails its Luhn check"]
    with pytest.raises(ProviderReplyUnusable, match="Luhn"):
        await build(iccid_luhn_strict=True).provision(request_42)


async def test_warning_is_a_success(
    partner: ScriptedServer, build: Build, accepted_42: ProvisionRequest
) -> None:
    """Executed-WithWarning was executed."""
    warned = done("Executed-WithWarning", iccid=WIRE_ICCID)
    partner.answer = by_function(
        downloadOrder=warned, confirmOrder=warned, releaseProfile=warned, cancelOrder=warned
    )
    adapter = build()
    assert (await adapter.provision(accepted_42)).provider_order_id == ICCID
    assert (await adapter.advance(accepted_42)).iccid == ICCID
    await adapter.enable(BOUGHT_42)
    assert await adapter.cancel(BOUGHT_42) is True


async def test_code_follows_from_reference_iccid_and_secret_alone(
    build: Build, accepted_42: ProvisionRequest
) -> None:
    """Another process makes the same code; another order, profile or secret another one."""
    code = (await build().advance(accepted_42)).qr_payload
    assert (await build().advance(replace(accepted_42, order_id=7))).qr_payload == code
    others = [
        await build().advance(replace(accepted_42, reference="order-43")),
        await build().advance(replace(accepted_42, provider_order_id="8921012345678901249")),
        await build(matching_id_secret="another-secret-of-32-characters!").advance(accepted_42),
    ]
    assert len({code, *(esim.qr_payload for esim in others)}) == 4


async def test_echo_of_our_id_and_address_is_accepted(
    partner: ScriptedServer, build: Build, accepted_42: ProvisionRequest
) -> None:
    """Host names have no case, and a reply may be silent about both."""
    await build().advance(accepted_42)
    echo = partner.requests[-1].json["matchingId"]
    for told in (
        done(matchingId=echo, smdpAddress=SMDP_ADDRESS.upper()),
        done(matchingId=None, smdpAddress=""),
        done(),
    ):
        partner.answer = by_function(confirmOrder=told)
        assert SMDP_ADDRESS in (await build().advance(accepted_42)).qr_payload


async def test_address_of_the_reply_is_the_codes_and_outlives_a_lost_reply(
    partner: ScriptedServer, build: Build, accepted_42: ProvisionRequest
) -> None:
    """SGP.22 5.3.2: it SHALL be used. A reply without one leaves what was told before; logged."""
    adapter = build()
    own = "smdp-2.operator.example"
    partner.answer = by_function(confirmOrder=done(smdpAddress=own.upper()))
    with structlog.testing.capture_logs() as logs:
        told = await adapter.advance(accepted_42)
    partner.answer = by_function(confirmOrder=failed("8.2.1", "3.5"))
    again = await adapter.advance(replace(accepted_42, repeated=True))
    matching_id = str(partner.requests[0].json["matchingId"])
    assert told.activation_code == again.activation_code == f"1${own}${matching_id}"
    assert told.qr_payload == f"LPA:1${own}${matching_id}"
    assert [(line["event"], line["variable"]) for line in logs] == [
        ("smdp_address_differs", "ES2PLUS_SMDP_ADDRESS")
    ]


@pytest.mark.parametrize(
    ("told", "names"),
    [
        (done(matchingId="CANARY-OF-THEIRS"), "matching id"),
        (done(matchingId=""), "matching id"),
        (done(matchingId=["CANARY"]), "matching id"),
        (done(smdpAddress="elsewhere"), "SM-DP\\+ address"),
        (done(smdpAddress="https://elsewhere.example"), "SM-DP\\+ address"),
        (done(smdpAddress=["elsewhere.example"]), "SM-DP\\+ address"),
    ],
)
async def test_confirmation_of_another_code_is_kept_for_a_person(
    partner: ScriptedServer,
    build: Build,
    accepted_42: ProvisionRequest,
    told: dict[str, object],
    names: str,
) -> None:
    """A code that the SM-DP+ does not know is never delivered; its own is in the raw reply."""
    partner.answer = by_function(confirmOrder=told)
    with pytest.raises(ProviderReplyUnusable, match=names) as raised:
        await build().advance(accepted_42)
    assert not raised.value.in_doubt
    assert raised.value.raw == json.dumps(told)
    assert "CANARY" not in f"{raised.value.message} {raised.value.reply}"
    assert "elsewhere" not in f"{raised.value.message} {raised.value.reply}"


async def test_nothing_is_sent_for_what_es2plus_cannot_do(
    partner: ScriptedServer, build: Build, request_42: ProvisionRequest
) -> None:
    """No plan code, no look-up by reference, nothing to release or cancel without an ICCID."""
    adapter = build()
    with pytest.raises(ProviderRefused, match="plan_codes"):
        await adapter.provision(replace(request_42, plan_code=None))
    with pytest.raises(ProviderRefused, match="reference"):
        await adapter.advance(request_42)
    with pytest.raises(ProviderRefused, match="ICCID"):
        await adapter.enable(Bought("order-42", None, None))
    assert await adapter.cancel(Bought("order-42", None, None)) is False
    assert await adapter.balance() is None
    assert partner.requests == []


async def test_accepted_order_can_be_released_and_cancelled_by_its_order_id(
    partner: ScriptedServer, build: Build
) -> None:
    """The order id is the ICCID."""
    adapter = build()
    await adapter.enable(Bought("order-42", ICCID, None))
    assert await adapter.cancel(Bought("order-42", ICCID, None)) is True
    assert {received.json["iccid"] for received in partner.requests} == {WIRE_ICCID}


def test_provider_says_what_it_can_do(build: Build) -> None:
    """A code works only once released, can be given back, and is never resold."""
    adapter = build()
    assert adapter.name == "ES2PLUS"
    assert adapter.traits.ambiguity is Ambiguity.REVIEW
    assert (adapter.traits.enables, adapter.traits.returnable, adapter.traits.resellable) == (
        True,
        True,
        False,
    )
    with pytest.raises(Misconfigured, match="ES2PLUS_RESALE"):
        build(resale=True)


async def test_description_is_the_order_without_what_is_new_at_each_call(
    partner: ScriptedServer, build: Build, accepted_42: ProvisionRequest
) -> None:
    """The intent names our reference, and the profile keeps the same."""
    described = build().describe_request(accepted_42)
    assert described == {
        "header": {
            "functionRequesterIdentifier": "operator-1",
            "functionCallIdentifier": "order-42",
        },
        "profileType": "ES-5GB",
    }
    esim = await build().advance(accepted_42)
    assert esim.request == described
    assert [called(received) for received in partner.requests] == ["confirmOrder"]
