"""A code is in its own columns and its owner's answer, and nowhere else."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

from sandbox import credentials
from sandbox.sandbox import PROVIDERS
from tests.e2e.conftest import CANARY_CONFIRMATION, CANARY_STOCK
from tests.e2e.purchase_stack import Market
from tests.e2e.stack import Customer, Stack
from tests.e2e.test_activation import _bare_plan
from tests.partners.connected_you import API_KEY, INSTRUCTIONS, MATCHING_ID
from tests.rows import rows, run, value

CANARIES = (CANARY_STOCK, CANARY_CONFIRMATION, MATCHING_ID, INSTRUCTIONS, API_KEY)
# Temporal's names of things are no secrets: what is searched for must be findable there.
FINDABLE = "activate-esim-"
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


async def test_canary_codes_appear_in_no_history_log_or_event(
    stack: Stack, customer: Customer
) -> None:
    """From stock and from a provider's reply: grep Temporal's file, every log and the trail."""
    stocked, bare = await _bare_plan(stack), await _bare_plan(stack)
    await run(
        stack.engine,
        "INSERT INTO esim_inventory (plan_id, activation_code, confirmation_code)"
        " VALUES (:plan, :code, :confirmation)",
        plan=stocked,
        code=f"1$smdp.example.com${CANARY_STOCK}$$1",
        confirmation=CANARY_CONFIRMATION,
    )
    shown = [
        (await customer.activate(await customer.buy(plan_id))).text for plan_id in (stocked, bare)
    ]
    assert CANARY_STOCK in shown[0]
    assert CANARY_CONFIRMATION in shown[0]
    assert MATCHING_ID in shown[1]

    _check_files(stack, CANARIES)
    for table in ("esim_provisioning_events", "provider_intents"):
        found = f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%' || :canary || '%'"
        for canary in CANARIES:
            assert await value(stack.engine, found, canary=canary) == 0


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
    _check_files(market.stack, secrets)
    for table in CODE_FREE_TABLES:
        kept = await rows(market.engine, f"SELECT t::text AS line FROM {table} AS t")
        _check_text(table, "\n".join(row["line"] for row in kept), secrets)
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
        _check_text(path, answer.text, secrets)
    one = str(doubtful[0])
    for command in (("list",), ("reviews",), ("providers",), ("status", one), ("review", one)):
        said = await market.stack.esimctl(*command)
        assert said, command
        _check_text(command[0], said, secrets)


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


def _check_files(stack: Stack, secrets: Iterable[str]) -> None:
    """Temporal's database and every log."""
    files = [path for path in stack.folder.rglob("*") if path.is_file() and _is_trace(path.name)]
    contents = {path: path.read_bytes() for path in [*files, _output(stack)]}
    temporal = b"".join(text for path, text in contents.items() if "temporal" in path.name)
    assert FINDABLE.encode() in temporal
    assert any(path.suffix == ".log" for path in files)
    for path, content in contents.items():
        assert [one for one in secrets if one.encode() in content] == [], path


def _check_text(where: str, text: str, secrets: Iterable[str]) -> None:
    assert [one for one in secrets if one in text] == [], where


def _output(stack: Stack) -> Path:
    """What `./dev up` itself has said."""
    return stack.folder.with_name(f"{stack.folder.name}.log")


def _is_trace(name: str) -> bool:
    return name.endswith(".log") or name.startswith("temporal.db")
