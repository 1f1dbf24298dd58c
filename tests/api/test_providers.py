"""How ops see providers over HTTP, and stop and start them."""

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from tests.api.asking import DOWN, activate, parked
from tests.api.server import app_settings, serving
from tests.api.tokens import admin, bearer
from tests.doubts import CANARY, CODE, PROVIDER, in_doubt
from tests.partners.connected_you import PartnerServer
from tests.rows import paid_order, run, value
from tests.workflows.conftest import Watch
from workflows.messages import Step

PATH = "/api/admin/providers"
WHY = {"reason": "bad codes"}


async def gate(engine: AsyncEngine) -> None:
    """The provider is known by its gate, with a balance."""
    await run(
        engine,
        "INSERT INTO provider_gates (provider, balance, balance_currency, balance_at)"
        " VALUES (:p, 40, 'USD', now()) ON CONFLICT (provider) DO UPDATE SET balance = 40,"
        " balance_currency = 'USD', balance_at = now()",
        p=PROVIDER,
    )


async def test_the_list_shows_how_each_provider_is_doing(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Health, breaker, balance and what is open; by name."""
    await gate(engine)
    await in_doubt(engine, await paid_order(engine), provider="AIRALO")
    answer = await ops.get(PATH)
    assert answer.status_code == 200, answer.text
    airalo, partner = answer.json()
    assert (airalo["name"], airalo["open_purchases"]) == ("AIRALO", {"unknown": 1})
    assert (airalo["health"], airalo["balance"]) == ("unknown", None)
    assert (partner["name"], partner["paused"]) == (PROVIDER, False)
    assert (partner["balance"]["amount"], partner["balance"]["currency"]) == ("40", "USD")
    assert (partner["breaker"]["state"], partner["next_step"]) == ("closed", "Nothing.")
    await run(engine, "UPDATE provider_gates SET credentials_refused = true, opened_at = now()")
    refused = (await ops.get(PATH)).json()[1]
    assert refused["health"] == "credentials_refused"
    assert f"esimctl resume {PROVIDER}" in refused["next_step"]


async def test_pausing_is_idempotent_and_logged(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """The second word on it counts; a code that was pasted reaches neither answer nor log."""
    await gate(engine)
    with capture_logs() as lines:
        first = await ops.post(f"{PATH}/{PROVIDER}/pause", json=WHY)
        again = await ops.post(f"{PATH}/{PROVIDER}/pause", json={"reason": f"sold {CODE}"})
        resumed = await ops.post(f"{PATH}/{PROVIDER}/resume", json={"reason": f"not {CODE}"})
    assert first.status_code == again.status_code == 200, again.text
    assert (first.json()["paused_by"], first.json()["health"]) == ("ana@example.com", "paused")
    assert again.json()["paused_at"] == first.json()["paused_at"]
    assert again.json()["paused_reason"].startswith("sold [code")
    told = [line["event"] for line in lines if line["event"].startswith("provider_")]
    assert told == ["provider_paused", "provider_paused", "provider_resumed"]
    assert CANARY not in str(lines) + again.text + resumed.text


@pytest.mark.usefixtures("worker")
async def test_resuming_wakes_what_waited_for_it(
    ops: httpx.AsyncClient,
    customer: httpx.AsyncClient,
    engine: AsyncEngine,
    partner: PartnerServer,
    watch: Watch,
) -> None:
    """While it is paused nothing leaves; then the order goes on without waiting for its round."""
    await gate(engine)
    await ops.post(f"{PATH}/{PROVIDER}/pause", json=WHY)
    order_id = await paid_order(engine)
    waiting = await activate(customer, order_id)
    assert (waiting.status_code, waiting.json()["code"]) == (502, "provider-held")
    assert partner.requests == []
    await watch.step(order_id, Step.WAITING)
    answer = await ops.post(f"{PATH}/{PROVIDER}/resume", json={"reason": "mended"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["waiting"], answer.json()["woken"]) == (1, 1)
    assert not answer.json()["provider"]["paused"]
    assert await watch.ended(order_id) == "activated"


@pytest.mark.usefixtures("worker")
async def test_resuming_forgives_an_outage(
    ops: httpx.AsyncClient,
    customer: httpx.AsyncClient,
    engine: AsyncEngine,
    partner: PartnerServer,
    watch: Watch,
) -> None:
    """A provider that was never paused can be resumed: its breaker closes, orders go on."""
    partner.answer = DOWN
    order_id = await paid_order(engine)
    assert (await activate(customer, order_id)).status_code == 502
    await watch.step(order_id, Step.WAITING)
    partner.answer = partner.sell
    answer = await ops.post(f"{PATH}/{PROVIDER}/resume", json={"reason": "it is back"})
    assert answer.json()["woken"] == 1
    assert await watch.ended(order_id) == "activated"


async def test_an_unknown_provider_is_404_with_those_there_are(
    ops: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """Nothing is written; a blank reason is 422."""
    await gate(engine)
    for deed in ("pause", "resume"):
        answer = await ops.post(f"{PATH}/NOBODY/{deed}", json=WHY)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-provider")
        assert answer.json()["detail"].endswith(f"there is: {PROVIDER}.")
        for bad in ({}, {"reason": " "}, {"reason": "a\u0000b"}):
            assert (await ops.post(f"{PATH}/{PROVIDER}/{deed}", json=bad)).status_code == 422
    assert await value(engine, "SELECT count(*) FROM provider_gates WHERE paused") == 0


async def test_only_ops_may_look_or_steer(anybody: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """401 without a token, 403 without the scope."""
    await gate(engine)
    for headers, expected in (({}, 401), (bearer(1), 403)):
        assert (await anybody.get(PATH, headers=headers)).status_code == expected
        for deed in ("pause", "resume"):
            path = f"{PATH}/{PROVIDER}/{deed}"
            assert (await anybody.post(path, json=WHY, headers=headers)).status_code == expected
    assert await value(engine, "SELECT count(*) FROM provider_gates WHERE paused") == 0


async def test_without_temporal_a_provider_is_resumed_all_the_same(
    engine: AsyncEngine, database_url: str, catalogue: None
) -> None:
    """The answer says that nobody was woken and that orders go on by themselves."""
    del catalogue
    await gate(engine)
    order_id = await paid_order(engine)
    await parked(engine, order_id, "PENDING_ACTIVATION", "provider-held")
    named = "UPDATE esim_profiles SET failure_reason = :reason"
    await run(engine, named, reason=f"{PROVIDER} was not called: paused by ops.")
    with serving(app_settings(database_url, "127.0.0.1:1")) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30, headers=admin(1)) as ops:
            await ops.post(f"{PATH}/{PROVIDER}/pause", json=WHY)
            answer = (await ops.post(f"{PATH}/{PROVIDER}/resume", json=WHY)).json()
    assert (answer["waiting"], answer["woken"]) == (1, 0)
    assert "Temporal does not answer" in answer["next_step"]
    assert not answer["provider"]["paused"]
