"""Every misbehaviour once, seen from the client's side and from the ledger's."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from stdnum import luhn

from sandbox.calls import Ended
from sandbox.misbehaviours import MEANINGS, Misbehaviour
from sandbox.sandbox import Sandbox
from tests.sandbox.buyers import BUY, PROVIDERS, Buyer, told_iccid

_WITH_LOOKUP = ("CONNECTED_YOU", "AIRALO", "ESIM_ACCESS")
_TELLS_AT_ONCE = ("CONNECTED_YOU", "AIRALO")


@pytest.fixture
def hasty(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client that waits a fifth of a second."""
    client.timeout = httpx.Timeout(0.2)
    return client


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("misbehaviour", "charges", "error"),
    [
        ("reset_before_booking", 0, httpx.ReadError),
        ("reset_after_booking", 1, httpx.ReadError),
        ("timeout_before_booking", 0, httpx.ReadTimeout),
        ("timeout_after_booking", 1, httpx.ReadTimeout),
        ("truncated_reply", 1, httpx.RemoteProtocolError),
    ],
)
async def test_a_purchase_without_a_whole_reply(
    buyer: Buyer,
    sandbox: Sandbox,
    hasty: httpx.AsyncClient,  # noqa: ARG001 - the buyer's client, made impatient
    provider: str,
    misbehaviour: str,
    charges: int,
    error: type[Exception],
) -> None:
    """The client cannot tell whether it was charged; the ledger can; the next call goes well."""
    await buyer.airalo_headers()
    rule = sandbox.rule(provider, misbehaviour)
    with pytest.raises(error):
        await buyer.buy(provider)
    (call,) = sandbox.calls(provider, BUY[provider])
    assert call.rule is rule
    assert call.ended in (Ended.RESET, Ended.HUNG, Ended.CUT_OFF)
    assert len(sandbox.charges(provider, "order-1")) == charges
    assert (await buyer.buy(provider)).status_code == 200
    is_the_same = provider == "ESIM_ACCESS"  # a repeated transactionId
    assert len(sandbox.charges(provider, "order-1")) == (1 if is_the_same else charges + 1)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("misbehaviour", "options", "status", "charges"),
    [
        ("status", {"code": 418}, 418, 0),
        ("rate_limited", {"retry_after": 7}, 429, 0),
        ("error_after_booking", {"code": 502}, 502, 1),
        ("malformed_reply", {}, 200, 1),
        ("empty_reply", {}, 200, 1),
    ],
)
async def test_a_purchase_with_a_useless_reply(
    buyer: Buyer,
    sandbox: Sandbox,
    provider: str,
    misbehaviour: str,
    options: dict[str, Any],
    status: int,
    charges: int,
) -> None:
    """The status is as ordered; the ledger says whether it was booked."""
    sandbox.rule(provider, misbehaviour, **options)
    reply = await buyer.buy(provider)
    assert reply.status_code == status
    assert len(sandbox.charges(provider, "order-1")) == charges
    assert reply.headers.get("retry-after") == ("7" if misbehaviour == "rate_limited" else None)
    if misbehaviour == "empty_reply":
        assert reply.json() == {}
    if misbehaviour == "malformed_reply":
        with pytest.raises(ValueError, match="Expecting value"):
            reply.json()


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("misbehaviour", ["out_of_stock", "unknown_plan", "no_credit"])
async def test_a_refused_purchase_says_what_the_plans_name_would(
    buyer: Buyer, sandbox: Sandbox, provider: str, misbehaviour: str
) -> None:
    """As a rule or by the plan's name: the same words, and no charge."""
    plans = {"out_of_stock": "SOLDOUT-1", "unknown_plan": "UNKNOWN-1", "no_credit": "NOCREDIT-1"}
    sandbox.rule(provider, misbehaviour)
    by_rule = await buyer.buy(provider)
    by_name = await buyer.buy(provider, plan=plans[misbehaviour])
    assert (by_rule.status_code, by_rule.text) == (by_name.status_code, by_name.text)
    assert sandbox.charges() == []


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ("CONNECTED_YOU", "UNAUTHORIZED"),
        ("AIRALO", "Unauthenticated"),
        ("ESIM_ACCESS", "101003"),
        ("ES2PLUS", '"reasonCode": "1.1"'),
    ],
)
async def test_good_credentials_may_be_refused(
    buyer: Buyer, sandbox: Sandbox, provider: str, words: str
) -> None:
    """As if they had been withdrawn."""
    sandbox.rule(provider, "bad_credentials")
    assert words in (await buyer.buy(provider)).text
    assert sandbox.charges() == []


async def test_latency_delays_everything(buyer: Buyer, sandbox: Sandbox) -> None:
    """Nothing is booked before the delay is over, and then it goes well."""
    sandbox.rule("CONNECTED_YOU", "latency", seconds=0.2)
    reply = await buyer.buy("CONNECTED_YOU")
    assert reply.elapsed.total_seconds() >= 0.2
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize("provider", _WITH_LOOKUP)
async def test_a_lookup_lags_behind_the_booking(
    buyer: Buyer, sandbox: Sandbox, provider: str
) -> None:
    """Absent now is not absent for good: the charge is there all the time."""
    sandbox.rule(provider, "lagging_lookup", seconds=3600, reference="late")
    await buyer.buy(provider, "late")
    await buyer.buy(provider, "plain")
    late, plain = [(await buyer.look_up(provider, name)).json() for name in ("late", "plain")]
    assert told_iccid(provider, plain)
    with pytest.raises((KeyError, IndexError, TypeError)):
        told_iccid(provider, late)
    assert len(sandbox.charges(provider, "late")) == 1


async def test_a_lag_ends(buyer: Buyer, sandbox: Sandbox) -> None:
    """A lag of nothing shows the order at once."""
    sandbox.rule("CONNECTED_YOU", "lagging_lookup", seconds=0)
    await buyer.buy("CONNECTED_YOU")
    assert (await buyer.look_up("CONNECTED_YOU")).json()["data"]


@pytest.mark.parametrize("provider", _WITH_LOOKUP)
async def test_a_lookup_fails(buyer: Buyer, sandbox: Sandbox, provider: str) -> None:
    """Only the look-up: the purchase goes well."""
    sandbox.rule(provider, "lookup_error", code=503)
    assert (await buyer.buy(provider)).status_code == 200
    assert (await buyer.look_up(provider)).status_code == 503
    assert (await buyer.look_up(provider)).status_code == 200


@pytest.mark.parametrize("provider", _TELLS_AT_ONCE)
@pytest.mark.parametrize("misbehaviour", ["duplicate_iccid", "other_reply"])
async def test_a_reply_repeats_an_earlier_sale(
    buyer: Buyer, sandbox: Sandbox, provider: str, misbehaviour: str
) -> None:
    """It waits for one; then the reply has its ICCID, and the ledger a charge of its own."""
    sandbox.rule(provider, misbehaviour)
    first = (await buyer.buy(provider, "first")).json()
    second = (await buyer.buy(provider, "second")).json()
    assert told_iccid(provider, first) == told_iccid(provider, second)
    assert (first == second) is (misbehaviour == "other_reply")
    assert len(sandbox.charges(provider, "second")) == 1
    assert len(sandbox.ledger.sold()) == 2


async def test_esim_access_may_tell_anothers_order(buyer: Buyer, sandbox: Sandbox) -> None:
    """Its number in the order's reply; its profile in the query's."""
    first = (await buyer.buy("ESIM_ACCESS", "first")).json()
    sandbox.rule("ESIM_ACCESS", "other_reply")
    assert (await buyer.buy("ESIM_ACCESS", "second")).json() == first
    await buyer.buy("ESIM_ACCESS", "third")
    sandbox.rule("ESIM_ACCESS", "duplicate_iccid", reference="third")
    told = (await buyer.look_up("ESIM_ACCESS", "third")).json()
    honest = (await buyer.look_up("ESIM_ACCESS", "first")).json()
    assert told_iccid("ESIM_ACCESS", told) == told_iccid("ESIM_ACCESS", honest)


async def test_es2plus_may_reserve_a_profile_twice(buyer: Buyer, sandbox: Sandbox) -> None:
    """The reply names the ICCID of the first order."""
    first = (await buyer.buy("ES2PLUS", "first")).json()
    sandbox.rule("ES2PLUS", "duplicate_iccid")
    assert (await buyer.buy("ES2PLUS", "second")).json() == first


def _connected_you(reply: Any) -> dict[str, Any]:
    told = reply["data"]
    one = told[0] if isinstance(told, list) else told
    return {"reference": one["orderReference"], "plan": one.get("planCode")} | {
        "quantity": one.get("quantity")
    }


def _airalo(reply: Any) -> dict[str, Any]:
    told = reply["data"]
    one = told[0] if isinstance(told, list) else told
    facts = {"reference": one["description"], "plan": one["package_id"]}
    assert len(one["sims"]) == one["quantity"]
    return facts | {"quantity": one["quantity"]}


def _esim_access(reply: Any) -> dict[str, Any]:
    esims = reply["obj"]["esimList"]
    plan = esims[0]["packageList"][0]["packageCode"]
    return {"reference": esims[0]["transactionId"], "plan": plan, "quantity": len(esims)}


_READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "CONNECTED_YOU": _connected_you,
    "AIRALO": _airalo,
    "ESIM_ACCESS": _esim_access,
}


@pytest.mark.parametrize("provider", _WITH_LOOKUP)
@pytest.mark.parametrize(
    ("misbehaviour", "field", "lie"),
    [
        ("wrong_reference", "reference", "somebody-elses-reference"),
        ("wrong_plan", "plan", "SOME-OTHER-PLAN"),
        ("wrong_quantity", "quantity", 2),
    ],
)
async def test_a_lookup_tells_something_else(
    buyer: Buyer, sandbox: Sandbox, provider: str, misbehaviour: str, field: str, lie: object
) -> None:
    """The next look-up is honest again: the ledger never believed it."""
    await buyer.buy(provider)
    sandbox.rule(provider, misbehaviour, operation="lookup")
    read = _READERS[provider]
    assert read((await buyer.look_up(provider)).json())[field] == lie
    assert read((await buyer.look_up(provider)).json())[field] != lie


@pytest.mark.parametrize("provider", _TELLS_AT_ONCE)
async def test_a_purchase_tells_something_else(
    buyer: Buyer, sandbox: Sandbox, provider: str
) -> None:
    """The charge is for what was asked."""
    sandbox.rule(provider, "wrong_plan")
    told = _READERS[provider]((await buyer.buy(provider)).json())
    assert told["plan"] == "SOME-OTHER-PLAN"
    assert [charge.plan_code for charge in sandbox.charges()] == ["PLAN-1"]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_iccid_that_is_none(buyer: Buyer, sandbox: Sandbox, provider: str) -> None:
    """Letters, or a check digit that is wrong."""
    later = provider == "ESIM_ACCESS"
    if later:
        await buyer.buy(provider)
    sandbox.rule(provider, "bad_iccid")
    sandbox.rule(provider, "bad_iccid", kind="luhn")
    ask = buyer.look_up if later else buyer.buy
    letters, wrong_digit = [told_iccid(provider, (await ask(provider)).json()) for _ in range(2)]
    assert not letters.isdecimal()
    assert wrong_digit.isdecimal()
    assert not luhn.is_valid(wrong_digit)


@pytest.mark.parametrize("provider", ["CONNECTED_YOU", "AIRALO", "ES2PLUS"])
async def test_a_code_that_is_none(buyer: Buyer, sandbox: Sandbox, provider: str) -> None:
    """No matching id may have such letters; the ledger's one is sound."""
    sandbox.rule(provider, "bad_code")
    reply = await buyer.buy(provider)
    if provider == "ES2PLUS":
        iccid = reply.json()["iccid"]
        reply = await buyer.es2plus("confirmOrder", iccid=iccid, releaseFlag=True)
    assert "not a code!" in reply.text
    assert not any("!" in code for code in sandbox.codes())


async def test_es2plus_steps_misbehave_too(buyer: Buyer, sandbox: Sandbox) -> None:
    """A confirmation that is done, and whose answer is lost, is done."""
    iccid = (await buyer.buy("ES2PLUS")).json()["iccid"]
    sandbox.rule("ES2PLUS", "error_after_booking", operation="confirmOrder")
    lost = await buyer.es2plus("confirmOrder", iccid=iccid, releaseFlag=True)
    assert lost.status_code == 500
    again = (await buyer.es2plus("confirmOrder", iccid=iccid, releaseFlag=True)).json()
    assert again["header"]["functionExecutionStatus"]["status"] == "Failed"
    assert [call.reference for call in sandbox.calls("ES2PLUS")] == ["order-1"] * 3


async def test_a_failed_allocation_is_not_charged(buyer: Buyer, sandbox: Sandbox) -> None:
    """The order stays, in a state that no query gets past; its charge is voided."""
    sandbox.rule("ESIM_ACCESS", "allocation_failed")
    await buyer.buy("ESIM_ACCESS")
    assert (await buyer.look_up("ESIM_ACCESS")).json()["errorCode"] == "200009"
    assert len(sandbox.charges()) == 1
    assert sandbox.net_charges() == []


async def test_rules_of_different_parts_apply_together(buyer: Buyer, sandbox: Sandbox) -> None:
    """An error after the booking and a look-up that lags: the worst case of a lost reply."""
    sandbox.rule("CONNECTED_YOU", "error_after_booking")
    sandbox.rule("CONNECTED_YOU", "lagging_lookup", seconds=3600)
    assert (await buyer.buy("CONNECTED_YOU")).status_code == 500
    assert (await buyer.look_up("CONNECTED_YOU")).json() == {"data": []}
    assert set(sandbox.calls()[0].misbehaviours) == {"error_after_booking", "lagging_lookup"}


async def test_rules_of_the_same_part_take_turns(buyer: Buyer, sandbox: Sandbox) -> None:
    """The older one first; then the other; then all is well."""
    sandbox.rule("CONNECTED_YOU", "status", code=500)
    sandbox.rule("CONNECTED_YOU", "status", code=502, after=1)
    statuses = [(await buyer.buy("CONNECTED_YOU")).status_code for _ in range(4)]
    assert statuses == [500, 200, 502, 200]


async def test_a_rule_may_last(buyer: Buyer, sandbox: Sandbox) -> None:
    """Until the rules are cleared, and for its own reference alone."""
    sandbox.rule("AIRALO", "status", times=None, reference="order-1")
    mine = [(await buyer.buy("AIRALO", "order-1")).status_code for _ in range(3)]
    assert (await buyer.buy("AIRALO", "order-2")).status_code == 200
    assert sandbox.clear_rules() == 1
    assert [*mine, (await buyer.buy("AIRALO", "order-1")).status_code] == [503, 503, 503, 200]


async def test_without_an_operation_a_rule_is_about_purchases(
    buyer: Buyer, sandbox: Sandbox
) -> None:
    """A token that Airalo's client fetches first does not use the rule up; `*` means all."""
    sandbox.rule("AIRALO", "status")
    assert (await buyer.airalo_token()).status_code == 200
    assert (await buyer.buy("AIRALO")).status_code == 503
    sandbox.rule("AIRALO", "status", operation="*")
    assert (await buyer.airalo_token()).status_code == 503


async def test_a_request_that_is_wrong_in_itself_uses_no_rule_up(
    buyer: Buyer, sandbox: Sandbox
) -> None:
    """The rule is still there for the right one."""
    sandbox.rule("CONNECTED_YOU", "status", code=500)
    assert (await buyer.connected_you("order-1", "PLAN-1", key="wrong")).status_code == 401
    assert (await buyer.buy("CONNECTED_YOU")).status_code == 500


async def test_a_test_can_wait_for_a_charge_that_nobody_is_told_of(
    buyer: Buyer, sandbox: Sandbox
) -> None:
    """While the client still waits for its answer; then the client leaves."""
    sandbox.rule("CONNECTED_YOU", "timeout_after_booking")
    purchase = asyncio.create_task(buyer.buy("CONNECTED_YOU"))
    await sandbox.wait_until(lambda: sandbox.charges("CONNECTED_YOU", "order-1"))
    await sandbox.wait_until(lambda: sandbox.calls()[0].ended is Ended.HUNG)
    assert not purchase.done()
    purchase.cancel()
    with pytest.raises(TimeoutError):
        await sandbox.wait_until(lambda: sandbox.charges("AIRALO"), timeout_seconds=0.01)


def test_every_misbehaviour_is_described() -> None:
    """One line each."""
    assert set(MEANINGS) == set(Misbehaviour)
    assert all("\n" not in said.sentence for said in MEANINGS.values())
