"""What every provider must do, whatever it is behind the Protocol (domain/provider.py)."""

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from domain.codes import install_codes, parse_activation_code
from domain.errors import (
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.iccid import parse_iccid
from domain.provider import (
    AcceptedOrder,
    Balance,
    Bought,
    EsimProvider,
    ProvisionedEsim,
    ProvisionRequest,
)
from domain.purchase import Ambiguity
from providers import ENABLING, NAMES
from tests.conformance.conftest import CASES, Case

PATIENCE_SECONDS = 20


def test_every_provider_has_a_case() -> None:
    """One that a deployment can choose and that nobody holds to the contract is a surprise."""
    assert {case.split()[0] for case in CASES} == set(NAMES)


async def buy(
    case: Case, request: ProvisionRequest, seen: list[AcceptedOrder] | None = None
) -> ProvisionedEsim:
    """Buy, and collect what is delivered later by the name that the provider gave the order."""
    answer = await case.provider.provision(request)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while isinstance(answer, AcceptedOrder):
            if seen is not None:
                seen.append(answer)
            named = replace(request, provider_order_id=answer.provider_order_id)
            found = await case.provider.advance(named)
            assert found is not None, "an order that was accepted is not absent"
            answer = found
    return answer


async def bought_by(case: Case, request: ProvisionRequest) -> tuple[ProvisionedEsim, Bought]:
    """A purchase, and its names as a commit would keep them."""
    accepted: list[AcceptedOrder] = []
    esim = await buy(case, request, accepted)
    order_id = accepted[0].provider_order_id if accepted else None
    return esim, Bought(request.reference, order_id, esim.iccid)


def codes_of(esim: ProvisionedEsim) -> tuple[str, ...]:
    """The parts of a profile that are secret."""
    parts = (esim.activation_code, esim.qr_payload, esim.confirmation_code)
    matching_id = parse_activation_code(esim.qr_payload).matching_id
    return tuple(part for part in (*parts, matching_id) if part)


def test_name_and_ambiguity_are_known_words(case: Case) -> None:
    """Settings, plan codes and search attributes spell the name in upper case."""
    assert case.provider.name == case.provider.name.upper()
    assert isinstance(case.provider.traits.ambiguity, Ambiguity)


def test_who_enables_is_known_before_it_is_built(case: Case) -> None:
    """Whoever brings a code by hand must be asked for its ICCID, where no provider is built."""
    assert case.provider.traits.enables is (case.provider.name in ENABLING)


async def test_purchase_gives_a_profile_that_installs(
    case: Case, request_42: ProvisionRequest
) -> None:
    """Our reference, a checked ICCID and a complete LPA string."""
    esim = await buy(case, request_42)
    assert esim.reference == request_42.reference
    assert parse_iccid(str(esim.iccid), strict_luhn=True).digits == esim.iccid
    assert parse_activation_code(esim.qr_payload).lpa_string == esim.qr_payload
    codes = install_codes(esim.activation_code, esim.qr_payload)
    assert (codes.qr_payload, codes.installable) == (esim.qr_payload, True)


async def test_two_orders_get_two_profiles(case: Case, request_42: ProvisionRequest) -> None:
    """No code reaches a second customer."""
    first = await buy(case, request_42)
    second = await buy(case, replace(request_42, order_id=43, reference="order-43"))
    assert first.iccid != second.iccid
    assert not set(codes_of(first)) & set(codes_of(second))


async def test_idempotent_provider_repeats_itself(case: Case, request_42: ProvisionRequest) -> None:
    """Where the provider claims it, the same reference gives the same profile."""
    if case.provider.traits.ambiguity is not Ambiguity.IDEMPOTENT:
        pytest.skip("the provider does not claim it")
    first, second = [await buy(case, request_42) for _ in range(2)]
    assert (first.iccid, first.qr_payload) == (second.iccid, second.qr_payload)


async def test_description_is_what_the_profile_keeps(
    case: Case, request_42: ProvisionRequest
) -> None:
    """The intent names reference and plan, holds no secret, and comes back with the profile."""
    described = case.provider.describe_request(request_42)
    text = json.dumps(described)
    assert request_42.reference in text
    assert str(request_42.plan_code) in text
    assert not [secret for secret in case.secrets if secret in text]
    assert (await buy(case, request_42)).request == described


async def test_nothing_shows_a_secret(case: Case, request_42: ProvisionRequest) -> None:
    """Neither a repr nor what is kept for ops holds a code, a credential or the customer."""
    accepted: list[AcceptedOrder] = []
    esim = await buy(case, request_42, accepted)
    shown = f"{esim!r} {accepted!r} {request_42!r} {case.provider!r} {vars(case.provider)!r}"
    replies = [esim.reply, *(order.reply for order in accepted)]
    kept = json.dumps([esim.request, replies], allow_nan=False)
    for secret in (*case.secrets, *codes_of(esim)):
        assert secret not in shown
        assert secret not in kept


async def test_lookup_finds_what_was_bought(case: Case, request_42: ProvisionRequest) -> None:
    """The same profile by its reference, or a plain "there is no look-up"."""
    bought = await buy(case, request_42)
    try:
        found = await case.provider.advance(request_42)
    except ProviderRefused:
        assert case.provider.traits.ambiguity is not Ambiguity.LOOKUP
        assert not case.provider.traits.finds
        return
    if isinstance(found, AcceptedOrder):  # its name, by which it is collected
        named = replace(request_42, provider_order_id=found.provider_order_id)
        found = await case.provider.advance(named)
    assert isinstance(found, ProvisionedEsim)
    assert (found.reference, found.iccid, found.qr_payload) == (
        bought.reference,
        bought.iccid,
        bought.qr_payload,
    )


async def test_absence_is_said_of_what_was_never_bought(
    case: Case, request_42: ProvisionRequest
) -> None:
    """Where look-ups decide, another order does not hide that ours is not there."""
    traits = case.provider.traits
    if traits.ambiguity is not Ambiguity.LOOKUP and not traits.finds:
        pytest.skip("look-ups do not decide here")
    await buy(case, replace(request_42, order_id=420, reference="order-420"))
    assert await case.provider.advance(request_42) is None


async def test_cancel_says_whether_it_is_undone(case: Case, request_42: ProvisionRequest) -> None:
    """True or False, twice the same; True only where the provider says it can be."""
    _, bought = await bought_by(case, request_42)
    first = await case.provider.cancel(bought)
    assert first is case.provider.traits.returnable
    assert await case.provider.cancel(bought) is first
    assert await case.provider.cancel(Bought("order-0", None, None)) in (True, False)


async def test_release_may_be_repeated(case: Case, request_42: ProvisionRequest) -> None:
    """After our commit, and again after a crash, once the first call may have arrived."""
    esim, bought = await bought_by(case, request_42)
    await case.provider.enable(bought)
    await case.provider.enable(replace(bought, repeated=True))
    if case.provider.traits.ambiguity is Ambiguity.LOOKUP:
        found = await case.provider.advance(
            replace(request_42, provider_order_id=bought.provider_order_id)
        )
        assert isinstance(found, ProvisionedEsim)
        assert found.qr_payload == esim.qr_payload


async def test_balance_is_money_or_unknown(case: Case) -> None:
    """An amount in a currency, or None; a prepaid provider's is not negative."""
    balance = await case.provider.balance()
    if balance is not None:
        assert isinstance(balance, Balance)
        assert balance.amount >= 0
        assert balance.currency.isalpha()


async def test_closing_twice_is_harmless(case: Case) -> None:
    """A shutdown may come from two sides."""
    await case.provider.aclose()
    await case.provider.aclose()


async def test_failure_is_a_clean_provider_error(case: Case, request_42: ProvisionRequest) -> None:
    """Whatever goes wrong, a purchase raises one of three errors, and none holds a secret."""
    allowed = (ProviderUnavailable, ProviderRefused, ProviderOutcomeUnknown)
    for name, cause in case.faults.items():
        cause()
        assert_clean(name, case, await failure_of(case.provider.provision, request_42), allowed)


async def test_failed_lookup_is_never_unknown(case: Case, request_42: ProvisionRequest) -> None:
    """Asking books nothing, so a look-up that fails is refused or postponed."""
    for name, cause in case.faults.items():
        cause()
        error = await failure_of(case.provider.advance, request_42)
        assert_clean(name, case, error, (ProviderUnavailable, ProviderRefused))


async def failure_of(
    call: Callable[[ProvisionRequest], Awaitable[object]], request: ProvisionRequest
) -> ProviderError:
    """The error that the call must end with."""
    with pytest.raises(ProviderError) as raised:
        await call(request)
    return raised.value


def assert_clean(
    fault: str, case: Case, error: ProviderError, allowed: tuple[type[ProviderError], ...]
) -> None:
    """An allowed kind, and no secret in message, reply or traceback."""
    assert isinstance(error, allowed), fault
    told = "".join(traceback.format_exception(error))
    everything = f"{error!r} {error.message} {json.dumps(error.reply, allow_nan=False)} {told}"
    for secret in case.secrets:
        assert secret not in everything, f"{fault} shows a secret"


def test_case_satisfies_the_protocol(case: Case) -> None:
    """Nothing of the Protocol is missing; mypy checks the signatures."""
    wanted = {name for name in vars(EsimProvider) if not name.startswith("_")}
    assert wanted <= set(dir(case.provider))
