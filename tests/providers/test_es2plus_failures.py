"""What each ES2+ failure means for the order, and what a repetition finds out."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from domain.errors import (
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderReplyUnusable,
    ProviderUnavailable,
)
from domain.provider import ProvisionedEsim, ProvisionRequest
from tests.partners.es2plus import (
    BOUGHT_42,
    CODES_LOST,
    ICCID,
    SECRET,
    TALK,
    WIRE_ICCID,
    Build,
    assert_clean,
    builder,
    by_function,
    called,
    done,
    failed,
    one_after_the_other,
)
from tests.partners.scripted import Answer, ScriptedServer, answering


@pytest.fixture
async def build(partner: ScriptedServer) -> AsyncIterator[Build]:
    """Builds adapters for the SM-DP+."""
    async with builder(partner) as build:
        yield build


@pytest.fixture
def accepted_42(request_42: ProvisionRequest) -> ProvisionRequest:
    """The purchase for order 42 once its profile is reserved."""
    return replace(request_42, provider_order_id=ICCID)


async def code_of(build: Build, partner: ScriptedServer, request: ProvisionRequest) -> str:
    """The code that an undisturbed confirmation gives."""
    partner.answer = by_function(confirmOrder=done())
    return (await build().advance(request)).qr_payload


# DownloadOrder: was a profile reserved?


@pytest.mark.parametrize(
    ("subject", "reason", "expected"),
    [
        ("8.2.5", "3.7", ProviderOutOfStock),
        ("8.2.5", "3.9", ProviderRefused),
        ("8.2.5", "1.2", ProviderRefused),
        ("8.2.5", "3.8", ProviderRefused),
        ("8.2.1", "3.3", ProviderUnavailable),
        ("8.1.1", "3.10", ProviderRefused),
        ("1.1", "1.1", ProviderRefused),
        ("1.2", "1.2", ProviderRefused),
        ("1.3.2", "3.1", ProviderRefused),
        ("1.6", "2.2", ProviderRefused),
        ("1.6", "2.1", ProviderRefused),
        ("8.8.2", "6.1", ProviderRefused),
        ("99.9", "3.99", ProviderRefused),
        (None, "3.9", ProviderRefused),
        ("8.2.5", "4.2", ProviderOutcomeUnknown),
        ("8.2.1", "4.10", ProviderOutcomeUnknown),
        ("1.2", "5.1", ProviderOutcomeUnknown),
        ("8.2.5", "7.1", ProviderOutcomeUnknown),
        ("8.2.5", None, ProviderOutcomeUnknown),
        ("8.2.5", 3.7, ProviderOutcomeUnknown),
        ("8.2.5", f"3.7 {TALK}", ProviderOutcomeUnknown),
        (None, None, ProviderOutcomeUnknown),
    ],
)
async def test_failed_order_says_whether_a_profile_may_be_reserved(
    partner: ScriptedServer,
    build: Build,
    request_42: ProvisionRequest,
    subject: object,
    reason: object,
    expected: type[ProviderError],
) -> None:
    """What was checked first is a definite no; what broke half-way nobody knows."""
    partner.answer = by_function(downloadOrder=failed(subject, reason, TALK))
    with pytest.raises(expected) as raised:
        await build().provision(request_42)
    assert type(raised.value) is expected
    assert raised.value.reply is not None
    assert_clean(raised.value)


async def test_failure_names_its_codes(
    partner: ScriptedServer, build: Build, request_42: ProvisionRequest
) -> None:
    """An operator can look the reason up; the reply is kept with its codes."""
    partner.answer = by_function(downloadOrder=failed("8.2.5", "3.9", "Unknown type"))
    with pytest.raises(ProviderRefused, match=r"downloadOrder: 8\.2\.5/3\.9") as raised:
        await build().provision(request_42)
    assert raised.value.reply == {"status": 200, "body": failed("8.2.5", "3.9", "Unknown type")}


async def test_failure_without_codes_is_unknown(
    partner: ScriptedServer, build: Build, request_42: ProvisionRequest
) -> None:
    """A bare "Failed" does not say whether anything had begun."""
    partner.answer = by_function(downloadOrder=done("Failed"))
    with pytest.raises(ProviderOutcomeUnknown):
        await build().provision(request_42)


@pytest.mark.parametrize("answer", CODES_LOST)
async def test_lost_answer_to_an_order_is_unknown(
    partner: ScriptedServer, build: Build, request_42: ProvisionRequest, answer: Answer
) -> None:
    """A profile may be reserved; nothing is sent a second time."""
    partner.answer = answer
    with pytest.raises(ProviderOutcomeUnknown) as raised:
        await build().provision(request_42)
    assert len(partner.requests) == 1
    assert_clean(raised.value)


# ConfirmOrder: is the reserved profile still ours?


@pytest.mark.parametrize("lost", CODES_LOST)
@pytest.mark.parametrize(
    "second", [failed("8.2.6", "3.3"), failed("8.2.1", "3.5"), failed("8.2.1", "3.3"), done()]
)
async def test_confirmation_whose_answer_was_lost_gives_the_same_code_again(
    partner: ScriptedServer,
    build: Build,
    accepted_42: ProvisionRequest,
    lost: Answer,
    second: dict[str, object],
) -> None:
    """Asked again, the SM-DP+ says that the id is taken or the state is wrong: by our own call."""
    code = await code_of(build, partner, accepted_42)
    partner.requests.clear()
    partner.answer = by_function(confirmOrder=one_after_the_other(lost, second))
    with pytest.raises(ProviderUnavailable) as raised:
        await build().advance(accepted_42)
    assert raised.value.in_doubt
    esim = await build().advance(replace(accepted_42, repeated=True))
    assert (esim.qr_payload, esim.iccid, esim.reference) == (code, ICCID, "order-42")
    first_id, second_id = (received.json["matchingId"] for received in partner.requests)
    assert first_id == second_id
    assert_clean(raised.value, str(first_id))


async def test_clash_with_our_own_matching_id_needs_no_further_proof(
    partner: ScriptedServer, build: Build, accepted_42: ProvisionRequest
) -> None:
    """Nobody else can have chosen it, so nothing but ConfirmOrder is sent."""
    partner.answer = by_function(confirmOrder=failed("8.2.6", "3.3"))
    await build().advance(accepted_42)
    assert [called(received) for received in partner.requests] == ["confirmOrder"]


@pytest.mark.parametrize("reason", ["3.5", "3.3"])
async def test_wrong_state_that_no_call_of_ours_explains_is_for_a_person(
    partner: ScriptedServer, build: Build, accepted_42: ProvisionRequest, reason: str
) -> None:
    """Another order's, in error, or taken: its code is never delivered, and nothing is in doubt."""
    partner.answer = by_function(confirmOrder=failed("8.2.1", reason, TALK))
    with pytest.raises(ProviderReplyUnusable) as raised:
        await build().advance(accepted_42)
    assert not raised.value.in_doubt
    assert [called(received) for received in partner.requests] == ["confirmOrder"]
    assert_clean(raised.value)


@pytest.mark.parametrize(
    ("subject", "reason", "expected"),
    [
        ("8.2.1", "3.9", ProviderRefused),
        ("8.1.1", "3.10", ProviderRefused),
        ("8.2.1", "1.2", ProviderUnavailable),
        ("8.2.6", "2.1", ProviderUnavailable),
        ("1.1", "1.1", ProviderUnavailable),
        ("1.6", "2.2", ProviderUnavailable),
        ("8.9", "4.2", ProviderUnavailable),
        ("1.2", "5.1", ProviderUnavailable),
        ("99.9", "9.9", ProviderUnavailable),
        (None, None, ProviderUnavailable),
    ],
)
async def test_failed_confirmation_leaves_the_order_open(
    partner: ScriptedServer,
    build: Build,
    accepted_42: ProvisionRequest,
    subject: object,
    reason: object,
    expected: type[ProviderError],
) -> None:
    """The profile is reserved: only what is said of itself goes to a person at once."""
    partner.answer = by_function(confirmOrder=failed(subject, reason, TALK))
    with pytest.raises(expected) as raised:
        await build().advance(accepted_42)
    assert type(raised.value) is expected
    assert raised.value.answered
    assert raised.value.in_doubt is (str(reason)[0] not in "1236")
    assert_clean(raised.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_status_of_a_confirmation_says_nothing_of_the_order(
    partner: ScriptedServer, build: Build, accepted_42: ProvisionRequest, status: int
) -> None:
    """A proxy that refuses us does not make the reserved profile go away."""
    partner.answer = answering(status, {"message": TALK})
    with pytest.raises(ProviderUnavailable) as raised:
        await build().advance(accepted_42)
    assert not raised.value.answered
    assert raised.value.in_doubt is (status == 500)
    assert_clean(raised.value)


# Secrets


async def test_profile_shows_its_code_nowhere_but_in_its_own_fields(
    partner: ScriptedServer, build: Build, accepted_42: ProvisionRequest
) -> None:
    """Not in a repr, not in what is kept, not even if the SM-DP+ repeats it in a message."""
    adapter = build()
    partner.answer = by_function(confirmOrder=done(smdpAddress="smdp.canary.example"))
    esim = await adapter.advance(accepted_42)
    matching_id = str(partner.requests[-1].json["matchingId"])
    partner.answer = by_function(
        confirmOrder=done(matchingId=matching_id, message=f"id {matching_id}", eid="8904")
    )
    told = await adapter.advance(accepted_42)
    for each in (esim, told):
        assert isinstance(each, ProvisionedEsim)
        kept = json.dumps([each.request, each.reply])
        shown = f"{each!r} {adapter!r} {vars(adapter)!r}"
        for secret in (matching_id, SECRET, each.qr_payload, "smdp.canary.example"):
            assert secret not in kept
        for secret in (matching_id, SECRET, each.qr_payload):
            assert secret not in shown


async def test_matching_id_in_a_failure_message_is_masked(
    partner: ScriptedServer, build: Build, accepted_42: ProvisionRequest
) -> None:
    """A talkative SM-DP+ does not put a code into the database."""
    await code_of(build, partner, accepted_42)
    matching_id = str(partner.requests[-1].json["matchingId"])
    talk = f"Matching id {matching_id.lower()} / {matching_id} of {WIRE_ICCID}"
    partner.answer = by_function(
        confirmOrder=failed("8.9", "4.2", talk), cancelOrder=failed("8.2.1", "4.2", talk)
    )
    with pytest.raises(ProviderUnavailable) as confirmed:
        await build().advance(accepted_42)
    with pytest.raises(ProviderOutcomeUnknown) as cancelled:
        await build().cancel(BOUGHT_42)
    for raised in (confirmed, cancelled):
        assert_clean(raised.value, matching_id, matching_id.lower())
