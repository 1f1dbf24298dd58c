"""The happy path of each contract, and the refusals in its own words."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from stdnum import luhn

from sandbox import credentials
from sandbox.running import running_sandbox
from sandbox.sandbox import Sandbox
from tests.sandbox.buyers import PAGER, PROVIDERS, Buyer, told_iccid


async def test_connected_you_sells_and_finds_it_again(buyer: Buyer, sandbox: Sandbox) -> None:
    """The reply has the draft's five fields, the look-up lists the same order, one charge."""
    sold = (await buyer.buy("CONNECTED_YOU")).json()["data"]
    found = (await buyer.look_up("CONNECTED_YOU")).json()["data"]
    assert sold.keys() == {"orderReference", "activationCode", "iccid", "qrCode", "instructions"}
    assert found == [sold]
    assert (await buyer.look_up("CONNECTED_YOU", "order-2")).json() == {"data": []}
    assert len(sandbox.charges("CONNECTED_YOU", "order-1")) == 1


async def test_airalo_sells_and_finds_it_again(buyer: Buyer, sandbox: Sandbox) -> None:
    """An order has its sims; the page of orders has it too."""
    sold = (await buyer.buy("AIRALO", quantity=2)).json()["data"]
    page = (await buyer.look_up("AIRALO")).json()
    assert len(sold["sims"]) == sold["quantity"] == 2
    assert sold["sims"][0]["qrcode"].endswith(f"${sold['sims'][0]['matching_id']}")
    assert page["data"] == [{**sold, "status": {"name": "Completed", "slug": "completed"}}]
    assert page["meta"]["total"] == 1
    assert [charge.amount_cents for charge in sandbox.charges("AIRALO")] == [900]


async def test_a_plan_can_need_a_confirmation_code(buyer: Buyer, sandbox: Sandbox) -> None:
    """`CONFIRM-...`: the QR code says so, Airalo tells it, ConnectedYou has no field for it."""
    plan = "CONFIRM-1GB"
    [sim] = (await buyer.buy("AIRALO", plan=plan)).json()["data"]["sims"]
    assert sim["qrcode"] == f"LPA:1$smdp.sandbox.example${sim['matching_id']}$$1"
    assert {sim["matching_id"], sim["confirmation_code"]} == set(sandbox.codes("AIRALO"))
    [order] = (await buyer.look_up("AIRALO")).json()["data"]
    assert order["sims"] == [sim]
    silent = (await buyer.buy("CONNECTED_YOU", plan=plan)).json()["data"]
    assert silent["activationCode"].endswith("$$1")
    assert not any(sandbox.codes("CONNECTED_YOU")[1] in str(said) for said in silent.values())


async def test_airalos_search_is_for_a_part_of_the_description(buyer: Buyer) -> None:
    """A client that takes the first hit for `order-1` may get `order-12`."""
    await buyer.buy("AIRALO", "order-1")
    await buyer.buy("AIRALO", "order-12")
    page = (await buyer.look_up("AIRALO", "order-1")).json()
    assert [order["description"] for order in page["data"]] == ["order-12", "order-1"]


async def test_airalo_lists_only_what_is_asked_for(
    buyer: Buyer, client: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    """Sims and status are extras; pages are counted."""
    for number in range(3):
        await buyer.buy("AIRALO", f"order-{number}")
    url, headers = f"{sandbox.base_url('AIRALO')}/orders", await buyer.airalo_headers()
    bare = (await client.get(url, params={"limit": "2", "page": "2"}, headers=headers)).json()
    assert [order["description"] for order in bare["data"]] == ["order-0"]
    assert bare["data"][0].keys().isdisjoint({"sims", "status"})
    assert (bare["meta"]["current_page"], bare["meta"]["last_page"]) == (2, 2)
    full = (await client.get(url, params={"include": "sims,status"}, headers=headers)).json()
    assert full["data"][0]["status"]["slug"] == "completed"
    assert full["data"][0]["sims"]


async def test_airalo_delivers_an_async_order_later(buyer: Buyer, sandbox: Sandbox) -> None:
    """202 with a request id; the look-up shows the order once it is delivered."""
    sandbox.rule("AIRALO", "allocation_delay", seconds=3600)
    slow = await buyer.airalo("orders-async", "slow")
    await buyer.airalo("orders-async", "quick")
    assert slow.status_code == 202
    assert slow.json()["data"].keys() == {"request_id", "accepted_at"}
    assert (await buyer.look_up("AIRALO", "slow")).json()["data"] == []
    assert len((await buyer.look_up("AIRALO", "quick")).json()["data"]) == 1


@pytest.mark.parametrize("encoding", ["json", "multipart", "urlencoded"])
async def test_airalo_takes_every_encoding(
    buyer: Buyer, client: httpx.AsyncClient, sandbox: Sandbox, encoding: str
) -> None:
    """The documents say multipart, the official client sends JSON."""
    body = {"package_id": "PLAN-1", "quantity": "1", "type": "sim", "description": "ordér-1"}
    parts = {name: (None, value) for name, value in body.items()}
    headers = await buyer.airalo_headers()
    url = f"{sandbox.base_url('AIRALO')}/orders"
    if encoding == "multipart":
        sold = await client.post(url, files=parts, headers=headers)
    elif encoding == "urlencoded":
        sold = await client.post(url, data=body, headers=headers)
    else:
        sold = await client.post(url, json=body, headers=headers)
    assert sold.json()["data"]["description"] == "ordér-1"


async def test_esim_access_allocates_later(buyer: Buyer, sandbox: Sandbox) -> None:
    """The order gives a number; a query says 200010 until the profiles are there."""
    sandbox.rule("ESIM_ACCESS", "allocation_delay", seconds=3600, reference="slow")
    await buyer.buy("ESIM_ACCESS", "slow")
    order_no = (await buyer.buy("ESIM_ACCESS", "quick")).json()["obj"]["orderNo"]
    assert (await buyer.look_up("ESIM_ACCESS", "slow")).json()["errorCode"] == "200010"
    by_order = (await buyer.esim_access("esim/query", orderNo=order_no, pager=PAGER)).json()
    (esim,) = by_order["obj"]["esimList"]
    assert esim["transactionId"] == "quick"
    assert esim["ac"].startswith("LPA:1$smdp.sandbox.example$SBX-")
    by_iccid = await buyer.esim_access("esim/query", iccid=esim["iccid"], pager=PAGER)
    assert by_iccid.json()["obj"] == by_order["obj"]
    assert (await buyer.look_up("ESIM_ACCESS", "quick")).json()["obj"] == by_order["obj"]


async def test_esim_access_refunds_a_cancelled_profile(buyer: Buyer, sandbox: Sandbox) -> None:
    """The charge is voided once; the balance is whole again; a second time is refused."""
    before = (await buyer.esim_access("balance/query")).json()["obj"]["balance"]
    await buyer.buy("ESIM_ACCESS")
    iccid = told_iccid("ESIM_ACCESS", (await buyer.look_up("ESIM_ACCESS")).json())
    spent = (await buyer.esim_access("balance/query")).json()["obj"]["balance"]
    assert (await buyer.esim_access("esim/cancel", iccid=iccid)).json()["success"]
    assert (await buyer.esim_access("esim/cancel", iccid=iccid)).json()["errorCode"] == "200009"
    assert (await buyer.esim_access("balance/query")).json()["obj"]["balance"] == before
    assert before - spent == 45_000
    assert len(sandbox.charges("ESIM_ACCESS")) == 1
    assert sandbox.net_charges("ESIM_ACCESS") == []


async def test_esim_access_sells_an_iccid_again_by_rule(buyer: Buyer, sandbox: Sandbox) -> None:
    """One that was cancelled: a new code, a new charge, and not cancelled any more."""
    sandbox.rule("ESIM_ACCESS", "reused_iccid", times=None)
    sold = []
    for reference in ("order-1", "order-2"):
        order_no = (await buyer.buy("ESIM_ACCESS", reference)).json()["obj"]["orderNo"]
        listed = await buyer.esim_access("esim/query", orderNo=order_no, pager=PAGER)
        sold += listed.json()["obj"]["esimList"]
        if reference == "order-1":
            await buyer.esim_access("esim/cancel", iccid=sold[0]["iccid"])
    first, second = sold
    assert second["iccid"] == first["iccid"]
    assert second["ac"] != first["ac"]
    assert second["esimStatus"] == first["esimStatus"]
    assert len(sandbox.net_charges("ESIM_ACCESS")) == 1


async def test_es2plus_walks_a_profile_to_its_release(buyer: Buyer, sandbox: Sandbox) -> None:
    """Reserve, confirm, release: each of the two later steps is taken once, then it is 3.5."""
    ordered = (await buyer.buy("ES2PLUS")).json()
    iccid = ordered["iccid"]
    assert len(iccid) == 20
    assert iccid.endswith("F")
    confirmed = (await buyer.es2plus("confirmOrder", iccid=iccid, releaseFlag=False)).json()
    assert confirmed["smdpAddress"] == "smdp.sandbox.example"
    assert confirmed["matchingId"] in sandbox.codes("ES2PLUS")
    released = await buyer.es2plus("releaseProfile", iccid=iccid)
    assert released.json()["header"]["functionExecutionStatus"]["status"] == "Executed-Success"
    again = [
        await buyer.es2plus("releaseProfile", iccid=iccid),
        await buyer.es2plus("confirmOrder", iccid=iccid, releaseFlag=True),
    ]
    assert [failure(reply) for reply in again] == [("8.2.1", "3.5")] * 2
    for reply in (released, *again):
        assert reply.headers["x-admin-protocol"].startswith("gsma/rsp/v2.")
    assert len(sandbox.charges("ES2PLUS", "order-1")) == 1


async def test_es2plus_calls_of_one_order_may_have_identifiers_of_their_own(
    buyer: Buyer, sandbox: Sandbox
) -> None:
    """What stands before the first colon is the order's reference."""
    await buyer.buy("ES2PLUS", "order-7:a1b2")
    await buyer.buy("ES2PLUS", "order-7:c3d4")
    assert len(sandbox.charges("ES2PLUS", "order-7")) == 2


async def test_es2plus_voids_the_charge_of_a_cancelled_order(
    buyer: Buyer, sandbox: Sandbox
) -> None:
    """Until it was downloaded; what is available again can be ordered by its ICCID."""
    iccid = (await buyer.buy("ES2PLUS")).json()["iccid"]
    await buyer.es2plus("cancelOrder", iccid=iccid, finalProfileStatusIndicator="Available")
    assert sandbox.net_charges("ES2PLUS") == []
    assert (await buyer.es2plus("downloadOrder", "order-2", iccid=iccid)).json()["iccid"] == iccid
    assert failure(await buyer.es2plus("downloadOrder", "order-3", iccid=iccid)) == ("8.2.1", "3.3")
    await buyer.es2plus("confirmOrder", iccid=iccid, releaseFlag=True)
    assert sandbox.download(iccid.removesuffix("F")) == "Installed"
    late = await buyer.es2plus("cancelOrder", iccid=iccid, finalProfileStatusIndicator="Available")
    assert failure(late) == ("8.2.1", "3.3")
    assert len(sandbox.net_charges("ES2PLUS")) == 1


async def test_es2plus_cancels_only_for_whom_the_matching_id_is(
    buyer: Buyer, sandbox: Sandbox
) -> None:
    """If one is given; and what is available already cannot be cancelled again."""
    iccid = (await buyer.buy("ES2PLUS")).json()["iccid"]
    await buyer.es2plus("confirmOrder", iccid=iccid, matchingId="SBX-1", releaseFlag=False)
    order = {"iccid": iccid, "finalProfileStatusIndicator": "Available"}
    theirs = await buyer.es2plus("cancelOrder", **order, matchingId="SBX-2")
    assert failure(theirs) == ("8.2.6", "3.10")
    assert len(sandbox.net_charges("ES2PLUS")) == 1
    await buyer.es2plus("cancelOrder", **order, matchingId="SBX-1")
    assert sandbox.net_charges("ES2PLUS") == []
    assert failure(await buyer.es2plus("cancelOrder", **order)) == ("8.2.1", "3.5")


@pytest.mark.parametrize("final", ["Available", "Unavailable"])
async def test_es2plus_sells_an_iccid_again_by_rule(
    buyer: Buyer, sandbox: Sandbox, final: str
) -> None:
    """One that was given back, for another charge; not one that is out of use for good."""
    iccid = (await buyer.buy("ES2PLUS")).json()["iccid"]
    await buyer.es2plus("cancelOrder", iccid=iccid, finalProfileStatusIndicator=final)
    sandbox.rule("ES2PLUS", "reused_iccid", times=None)
    second, third = [(await buyer.buy("ES2PLUS", name)).json()["iccid"] for name in ("b", "c")]
    assert (second == iccid) is (final == "Available")
    assert third not in (iccid, second)
    assert len(sandbox.net_charges("ES2PLUS")) == 2


async def test_es2plus_refuses_a_matching_id_or_eid_of_another(buyer: Buyer) -> None:
    """8.2.6/3.3 and 8.1.1/3.10, as the standard says."""
    first = (await buyer.es2plus("downloadOrder", "a", profileType="P", eid="1" * 32)).json()
    second = (await buyer.es2plus("downloadOrder", "b", profileType="P")).json()
    wanted: dict[str, Any] = {"matchingId": "MINE-1", "releaseFlag": True}
    other_eid = await buyer.es2plus("confirmOrder", iccid=first["iccid"], eid="2" * 32, **wanted)
    await buyer.es2plus("confirmOrder", iccid=first["iccid"], **wanted)
    clash = await buyer.es2plus("confirmOrder", iccid=second["iccid"], **wanted)
    assert failure(other_eid) == ("8.1.1", "3.10")
    assert failure(clash) == ("8.2.6", "3.3")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_is_sold_is_a_real_iccid_and_a_recognisable_code(
    buyer: Buyer, sandbox: Sandbox, provider: str
) -> None:
    """19 digits with a right check digit, all different; codes start with SBX-."""
    for number in range(5):
        await buyer.buy(provider, f"order-{number}")
    iccids = list(sandbox.ledger.sold())
    assert len(iccids) == 5
    assert all(len(iccid) == 19 and luhn.is_valid(iccid) for iccid in iccids)
    assert all(code.startswith("SBX-") for code in sandbox.codes())


@pytest.mark.parametrize(
    ("provider", "plan", "words"),
    [
        ("CONNECTED_YOU", "UNKNOWN-1", "UNKNOWN_PLAN"),
        ("CONNECTED_YOU", "SOLDOUT-1", "OUT_OF_STOCK"),
        ("CONNECTED_YOU", "NOCREDIT-1", "INSUFFICIENT_CREDIT"),
        ("AIRALO", "UNKNOWN-1", '"code": 34'),
        ("AIRALO", "SOLDOUT-1", '"code": 33'),
        ("AIRALO", "NOCREDIT-1", '"code": 11'),
        ("ESIM_ACCESS", "UNKNOWN-1", "310241"),
        ("ESIM_ACCESS", "SOLDOUT-1", "200011"),
        ("ESIM_ACCESS", "NOCREDIT-1", "200007"),
        ("ES2PLUS", "UNKNOWN-1", '"subjectCode": "8.2.5", "reasonCode": "3.9"'),
        ("ES2PLUS", "SOLDOUT-1", '"subjectCode": "8.2.5", "reasonCode": "3.7"'),
        ("ES2PLUS", "NOCREDIT-1", '"subjectCode": "8.2.5", "reasonCode": "1.2"'),
    ],
)
async def test_a_plans_name_says_why_it_is_not_sold(
    buyer: Buyer, sandbox: Sandbox, provider: str, plan: str, words: str
) -> None:
    """In the contract's own words; nothing is booked."""
    assert words in (await buyer.buy(provider, plan=plan)).text
    assert sandbox.charges() == []


async def test_wrong_credentials_are_refused_in_each_contracts_words(
    buyer: Buyer, client: httpx.AsyncClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """401, 401 (a forged signature too), a code or a failure in HTTP 200; and nothing is booked."""
    key = "wrong"
    assert (await buyer.connected_you("order-1", "PLAN-1", key=key)).status_code == 401
    base = sandbox.base_url("AIRALO")
    headers = {"authorization": "Bearer wrong"}
    assert (await client.post(f"{base}/orders", json={}, headers=headers)).status_code == 401
    assert (await client.post(f"{base}/token", json={"client_id": "x"})).status_code == 401
    forged = {**await buyer.airalo_headers(), "airalo-signature": "0" * 128}
    body = {"package_id": "PLAN-1", "quantity": 1}
    assert (await client.post(f"{base}/orders", json=body, headers=forged)).status_code == 401
    for name in ("ESIM_ACCESS_ACCESS_CODE", "ES2PLUS_REQUESTER"):
        monkeypatch.setattr(credentials, name, "wrong")
    assert (await buyer.buy("ESIM_ACCESS")).json()["errorCode"] == "101003"
    assert failure(await buyer.buy("ES2PLUS")) == ("1.1", "1.1")
    assert sandbox.charges() == []


async def test_a_repeated_reference_is_charged_again_unless_told_otherwise(
    buyer: Buyer, sandbox: Sandbox
) -> None:
    """The contract promises nothing, so the default is the worst case."""
    provider = "CONNECTED_YOU"
    first, second = await buyer.buy(provider), await buyer.buy(provider)
    assert first.json() != second.json()
    assert len(sandbox.charges(provider, "order-1")) == 2
    sandbox.deduplicates[provider] = True
    assert (await buyer.buy(provider)).json() == first.json()
    assert len(sandbox.charges(provider, "order-1")) == 2


async def test_a_repeated_transaction_id_is_the_same_request_or_said_to_exist(
    buyer: Buyer, sandbox: Sandbox
) -> None:
    """The reference says the first, and lists a code for the second; neither is a charge."""
    first, second = [(await buyer.buy("ESIM_ACCESS")).json() for _ in range(2)]
    assert first == second
    sandbox.deduplicates["ESIM_ACCESS"] = False
    assert (await buyer.buy("ESIM_ACCESS")).json()["errorCode"] == "310402"
    assert len(sandbox.charges("ESIM_ACCESS", "order-1")) == 1


async def test_an_esim_access_query_filters_by_what_its_reference_names_alone(
    buyer: Buyer,
) -> None:
    """Order, ICCID, esimTranNo, a time range; a transactionId is no filter; pages have bounds."""
    for reference in ("first", "second"):
        await buyer.buy("ESIM_ACCESS", reference)
    [wanted] = (await buyer.look_up("ESIM_ACCESS", "second")).json()["obj"]["esimList"]

    async def query(pager: Any = PAGER, **fields: str) -> Any:
        return (await buyer.esim_access("esim/query", **fields, pager=pager)).json()

    for name in ("orderNo", "iccid", "esimTranNo"):
        assert (await query(**{name: wanted[name]}))["obj"]["esimList"] == [wanted]
    today = {"startTime": "2020-01-01T00:00+00:00", "endTime": "2100-01-01T00:00+00:00"}
    past = {"startTime": "2020-01-01T00:00+00:00", "endTime": "2020-01-02T00:00+00:00"}
    listed = [len((await query(**span))["obj"]["esimList"]) for span in (today, past)]
    assert listed == [2, 0]
    assert len((await query(transactionId="second"))["obj"]["esimList"]) == 2
    for wrong in ({"startTime": "2020-01-01T00:00+00:00"}, {**past, "endTime": "2020-19-01"}):
        assert (await query(**wrong))["errorCode"] == "000106"
    assert (await query({"pageNum": 1, "pageSize": 4}, **today))["errorCode"] == "000106"


async def test_esim_access_may_sell_an_iccid_again(buyer: Buyer, sandbox: Sandbox) -> None:
    """Under a new code and esimTranNo; the first sale stays cancelled, and is refunded once."""
    await buyer.buy("ESIM_ACCESS", "first")
    [first] = (await buyer.look_up("ESIM_ACCESS", "first")).json()["obj"]["esimList"]
    sandbox.rule("ESIM_ACCESS", "reused_iccid", times=None)
    await buyer.buy("ESIM_ACCESS", "unrelated")
    await buyer.esim_access("esim/cancel", esimTranNo=first["esimTranNo"])
    await buyer.buy("ESIM_ACCESS", "second")
    [second] = (await buyer.look_up("ESIM_ACCESS", "second")).json()["obj"]["esimList"]
    assert second["iccid"] == first["iccid"]
    assert second["ac"] != first["ac"]
    assert second["esimStatus"] == "GOT_RESOURCE"
    again = await buyer.esim_access("esim/cancel", esimTranNo=first["esimTranNo"])
    assert again.json()["errorCode"] == "200009"
    [told] = (await buyer.look_up("ESIM_ACCESS", "first")).json()["obj"]["esimList"]
    assert told["esimStatus"] == "CANCEL"
    assert len(sandbox.net_charges("ESIM_ACCESS", "second")) == 1


async def test_airalo_never_deduplicates(buyer: Buyer, sandbox: Sandbox) -> None:
    """It has no idempotency at all."""
    sandbox.deduplicates["AIRALO"] = True
    await buyer.buy("AIRALO")
    await buyer.buy("AIRALO")
    assert len(sandbox.charges("AIRALO", "order-1")) == 2


async def test_airalo_hands_out_three_tokens_a_minute(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    """A client that does not keep its token is told to wait."""
    async with running_sandbox(tmp_path) as sandbox:
        buyer = Buyer(client, sandbox)
        answers = [await buyer.airalo_token() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60


def failure(response: httpx.Response) -> tuple[str, str]:
    """Subject and reason code of an ES2+ failure."""
    assert response.status_code == 200
    status = json.loads(response.text)["header"]["functionExecutionStatus"]
    assert status["status"] == "Failed"
    data = status["statusCodeData"]
    return data["subjectCode"], data["reasonCode"]
