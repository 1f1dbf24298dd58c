"""What four providers sold is in its own columns and its owner's answer, and nowhere else."""

import asyncio
import json

import pytest

from sandbox import credentials
from sandbox.sandbox import PROVIDERS
from tests.e2e.purchase_stack import Market
from tests.e2e.traces import check_files, check_text
from tests.rows import rows, value

pytestmark = pytest.mark.stack

CREDENTIALS = (
    credentials.CONNECTED_YOU_API_KEY,
    credentials.AIRALO_CLIENT_SECRET,
    credentials.ESIM_ACCESS_ACCESS_CODE,
    credentials.ES2PLUS_NOTIFICATION_SECRET,
)
CODE_FREE_TABLES = (
    "esim_provisioning_events",
    "provider_intents",
    "provider_webhooks",
    "provider_gates",
)
ADMIN_LISTS = ("activations", "reviews", "providers")


async def test_what_four_providers_sold_is_where_codes_belong_and_nowhere_else(
    market: Market,
) -> None:
    """Every code ever sold and every credential: in no history, log, event, intent, webhook, list.

    Among them are replies that were quarantined, a lost one, and whatever other tests have done.
    The owner's answer shows the code, and the confirmation code that Airalo's asks for;
    quarantine keeps what nobody may have.
    """
    plans = [await market.plan(one, AIRALO="CONFIRM-1GB") for one in PROVIDERS]
    sold = {
        one: await market.customer.buy(plan) for one, plan in zip(PROVIDERS, plans, strict=True)
    }
    shown = await asyncio.gather(*map(market.customer.activate, sold.values()))
    doubtful = await _doubtful(market)

    for order_id, answer in zip(sold.values(), shown, strict=True):
        [profile] = market.sold(order_id).profiles
        esim = answer.json()
        assert market.code(profile.iccid) in esim["activation_code"], answer.text
        assert (esim["confirmation_code"] or "") == profile.confirmation_code
        assert esim["installable"]
    assert market.sold(sold["AIRALO"]).profiles[0].confirmation_code in market.sandbox.codes()
    [quarantined] = await rows(
        market.engine, "SELECT raw FROM quarantined_replies WHERE order_id = :id", id=doubtful[0]
    )
    [profile] = market.sold(doubtful[0]).profiles
    assert market.code(profile.iccid) in quarantined["raw"]
    assert await value(market.engine, "SELECT count(*) FROM provider_webhooks") > 0

    secrets = {*market.sandbox.codes(), *CREDENTIALS, await _matching_id_secret(market)}
    assert len(secrets) > len(PROVIDERS) + len(CREDENTIALS)
    check_files(market.stack, secrets)
    for table in CODE_FREE_TABLES:
        kept = await rows(market.engine, f"SELECT t::text AS line FROM {table} AS t")
        check_text(table, "\n".join(row["line"] for row in kept), secrets)
    await _check_what_ops_see(market, [*sold.values()], doubtful, secrets)


async def _check_what_ops_see(
    market: Market, sold: list[int], doubtful: list[int], secrets: set[str]
) -> None:
    for path in (
        *ADMIN_LISTS,
        *(f"activations/{order_id}" for order_id in (*sold, *doubtful)),
        *(f"reviews/{order_id}" for order_id in doubtful),
    ):
        answer = await market.operator.get(f"/api/admin/{path}")
        assert answer.status_code == 200, (path, answer.text)
        check_text(path, answer.text, secrets)
    one = str(doubtful[0])
    for command in (("list",), ("reviews",), ("providers",), ("status", one), ("review", one)):
        said = await market.stack.esimctl(*command)
        assert said, command
        check_text(command[0], said, secrets)


async def _doubtful(market: Market) -> list[int]:
    """Orders in review: another reference's reply, and a code that was sold before."""
    order_ids = []
    for provider, misbehaviour in (
        ("CONNECTED_YOU", "wrong_reference"),
        ("AIRALO", "duplicate_iccid"),
    ):
        order_id = await market.customer.buy(await market.plan(provider))
        market.sandbox.rule(provider, misbehaviour, reference=f"order-{order_id}")
        await market.activate(order_id)
        order_ids.append(order_id)
    await market.profiles(order_ids, "NEEDS_REVIEW")
    return order_ids


async def _matching_id_secret(market: Market) -> str:
    variables = await asyncio.to_thread((market.stack.folder / "environment.json").read_text)
    return str(json.loads(variables)["ES2PLUS_MATCHING_ID_SECRET"])
