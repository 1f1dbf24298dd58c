"""`esimctl providers`, `pause` and `resume`, against the real database and Temporal."""

import asyncio
import json

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.announcing import announce
from domain.gate import HoldReason
from domain.profile import ProfileStatus
from local.temporal import TemporalServer
from providers.local import LocalProvider
from tests.cli.conftest import Esimctl, Ran
from tests.doubts import CANARY, CODE, PROVIDER, in_doubt
from tests.partners.connected_you import PartnerServer
from tests.rows import paid_order, rows, run, value
from tests.workflows.conftest import (
    Watch,
    activations,
    ambiguity,
    partner,
    providers,
    timeout_seconds,
    watch,
)
from workflows.client import Activations
from workflows.messages import Step

__all__ = [
    "activations",
    "ambiguity",
    "partner",
    "providers",
    "timeout_seconds",
    "watch",
]  # of tests/workflows

pytestmark = pytest.mark.usefixtures("stocked", "catalogue")

WHY = ("--reason", "bad codes", "--actor", "Grace")


async def beside(esimctl: Esimctl, *arguments: object) -> Ran:
    """Run a command while the worker of this process goes on."""
    return await asyncio.to_thread(esimctl, *arguments)


async def test_the_table_shows_how_each_provider_is_doing(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """Health, reasons, balance and open purchases; the same as JSON."""
    await run(
        engine,
        "INSERT INTO provider_gates (provider, balance, balance_currency, balance_at, failures,"
        " opened_at, probe_at, last_failure_at, last_failure_code) VALUES ('AIRALO', 41.5, 'USD',"
        " now(), 5, now(), now() + interval '1 minute', now(), 'provider-unavailable')",
    )
    await in_doubt(engine, await paid_order(engine))
    shown = esimctl("providers", COLUMNS="250")
    assert (shown.code, shown.err) == (0, "")
    for piece in ("cooling_down", "breaker open", "41.5 USD", "provider-unavailable", "1 unknown"):
        assert piece in shown.out
    airalo, partner = json.loads(esimctl("providers", "--json").out)
    assert (airalo["name"], airalo["health"], airalo["failures"]) == ("AIRALO", "cooling_down", 5)
    assert (partner["name"], partner["open_purchases"]) == (PROVIDER, {"unknown": 1})


async def test_refused_credentials_show_with_what_to_do_about_them(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """In the table, below it, as JSON, and in the status of an order that the gate holds."""
    await run(
        engine,
        "INSERT INTO provider_gates (provider, failures, opened_at, probe_at, credentials_refused)"
        " VALUES ('AIRALO', 1, now(), now() + interval '1 minute', true)",
    )
    shown = esimctl("providers", COLUMNS="250")
    assert "credentials_refused" in shown.out
    assert "esimctl resume AIRALO" in shown.err
    [airalo] = json.loads(esimctl("providers", "--json").out)
    assert "key" in airalo["next_step"]
    order_id = await paid_order(engine)
    await run(
        engine,
        "UPDATE esim_profiles SET started_at = now(), failure_code = 'provider-held',"
        " failure_reason = :why WHERE order_id = :id",
        why=f"AIRALO was not called: {HoldReason.CREDENTIALS}.",
        id=order_id,
    )
    assert "refuses our credentials: esimctl providers" in esimctl("status", order_id).out


async def test_a_pause_shows_and_is_logged(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """Again with other words: the last ones count. A pasted code reaches neither log nor list."""
    await announce(engine, {PROVIDER: LocalProvider()})
    first = esimctl("pause", PROVIDER, *WHY)
    assert first.code == 0, first.err
    assert f"esimctl resume {PROVIDER}" in first.out
    line = json.loads(first.err)
    assert (line["event"], line["provider"]) == ("provider_paused", PROVIDER)
    assert (line["actor"], line["reason"]) == ("Grace", "bad codes")
    again = esimctl("pause", PROVIDER, "--reason", f"sold {CODE}", "--actor", "Heidi")
    shown = esimctl("providers", COLUMNS="250")
    assert "paused by Heidi" in shown.out
    assert CANARY not in again.out + again.err + shown.out
    assert await value(engine, "SELECT count(*) FROM provider_gates WHERE paused") == 1


async def test_resuming_wakes_what_waited_for_it(
    esimctl: Esimctl,
    engine: AsyncEngine,
    activations: Activations,
    partner: PartnerServer,
    watch: Watch,
    worker: None,
    environment: dict[str, str],
    temporal_server: TemporalServer,
) -> None:
    """While it is paused nothing leaves; then the order is activated, and the log says who."""
    del worker
    environment["TEMPORAL_ADDRESS"] = temporal_server.address
    await beside(esimctl, "pause", PROVIDER, *WHY)
    order_id = await paid_order(engine)
    await activations.start(order_id)
    await watch.step(order_id, Step.WAITING)
    assert partner.requests == []
    done = await beside(esimctl, "resume", PROVIDER, *WHY)
    assert done.code == 0, done.err
    assert "asked to try again: 1." in done.out
    assert "Next: Nothing" in done.out
    assert json.loads(done.err)["event"] == "provider_resumed"
    assert await watch.ended(order_id) == ProfileStatus.ACTIVATED
    asked = await rows(
        engine,
        "SELECT actor, payload FROM esim_provisioning_events WHERE kind = 'retry_requested'",
    )
    assert [event["actor"] for event in asked] == ["Grace"]


async def test_without_temporal_a_provider_is_resumed_all_the_same(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """Exit code 0, and a warning if somebody waits; nothing to warn of if nobody does."""
    await announce(engine, {PROVIDER: LocalProvider()})
    esimctl("pause", PROVIDER, *WHY)
    order_id = await paid_order(engine)
    await run(
        engine,
        "UPDATE esim_profiles SET failure_code = 'provider-held', failure_reason = :r"
        " WHERE order_id = :id",
        r=f"{PROVIDER} was not called: paused by ops.",
        id=order_id,
    )
    done = esimctl("resume", PROVIDER, *WHY)
    assert done.code == 0
    assert "0 of 1 order that waits" in done.err
    assert await value(engine, "SELECT count(*) FROM provider_gates WHERE paused") == 0
    await run(engine, "UPDATE esim_profiles SET failure_code = NULL, failure_reason = NULL")
    assert "Warning" not in esimctl("resume", PROVIDER, *WHY).err


async def test_what_cannot_be_paused_is_explained(esimctl: Esimctl, engine: AsyncEngine) -> None:
    """An unknown name lists those there are; a blank reason is refused; nothing is paused."""
    await announce(engine, dict.fromkeys([PROVIDER, "LOCAL"], LocalProvider()))
    for deed in ("pause", "resume"):
        unknown = esimctl(deed, "NOBODY", *WHY)
        assert (unknown.code, unknown.out) == (1, "")
        assert "there is: " in unknown.err
        assert PROVIDER in unknown.err
        assert esimctl(deed, PROVIDER, "--reason", " ").code == 1
    assert await value(engine, "SELECT count(*) FROM provider_gates WHERE paused") == 0


async def test_before_anything_was_bought_the_list_says_what_is_offered(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """An empty table would look like a fault; once a worker has started, what it has is there."""
    shown = esimctl("providers")
    assert (shown.code, shown.out) == (0, "")
    assert "worker" in shown.err
    await announce(engine, {"LOCAL": LocalProvider()})
    assert [each["name"] for each in json.loads(esimctl("providers", "--json").out)] == ["LOCAL"]


async def test_a_provider_that_the_worker_does_not_offer_is_marked(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """It stays in the list for its purchases; nobody should wonder why nothing goes there."""
    await in_doubt(engine, await paid_order(engine))
    await announce(engine, {"LOCAL": LocalProvider()})
    partner, local = esimctl("providers", COLUMNS="250").out.splitlines()[3:5]
    assert (PROVIDER in partner, "not offered by the worker" in partner) == (True, True)
    assert ("LOCAL" in local, "not offered" in local) == (True, False)
    listed = json.loads(esimctl("providers", "--json").out)
    assert {each["name"]: each["offered"] for each in listed} == {PROVIDER: False, "LOCAL": True}
