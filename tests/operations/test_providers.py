"""Which providers may be named: those that a worker offers, and those that orders remember."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from activities.announcing import announce
from db import provider_controls
from db.engine import transaction
from domain.errors import InvalidInput, UnknownProvider
from operations import providers
from operations.activations import intervention
from providers.local import LocalProvider
from tests.doubts import CANARY, CODE, in_doubt
from tests.rows import paid_order, run, value

pytestmark = pytest.mark.usefixtures("catalogue")


async def offered(engine: AsyncEngine, name: str) -> str:
    """What a retry that names this provider comes to."""
    async with transaction(engine) as connection:
        return await providers.check_offered(connection, name)


async def known(engine: AsyncEngine, name: str) -> str:
    """What a list that asks for this provider comes to."""
    async with transaction(engine) as connection:
        return await providers.check_known(connection, name)


async def test_an_unknown_provider_is_refused_with_those_there_are(engine: AsyncEngine) -> None:
    """Known are those with a gate, a plan or a purchase, and those that the worker offers."""
    selling = "INSERT INTO plan_codes (plan_id, provider, plan_code) VALUES (123, 'AIRALO', 'X')"
    await run(engine, selling)
    await in_doubt(engine, await paid_order(engine), provider="ESIM_ACCESS")
    await run(engine, "INSERT INTO provider_gates (provider) VALUES ('ES2PLUS')")
    listed = "there is: AIRALO, ES2PLUS, ESIM_ACCESS"
    with pytest.raises(UnknownProvider, match=listed):
        await providers.pause(engine, "NOBODY", "ana", "a test")
    with pytest.raises(UnknownProvider, match=listed):
        await known(engine, "LOCAL")
    await announce(engine, {"LOCAL": LocalProvider()})
    assert await known(engine, "LOCAL") == "LOCAL"
    assert (await providers.pause(engine, "LOCAL", "ana", "a test")).paused


async def test_before_any_worker_has_started_nothing_can_be_named(engine: AsyncEngine) -> None:
    """The sentence says what is missing, not that the name is wrong."""
    for check in (offered, known):
        with pytest.raises(UnknownProvider, match="No worker has said yet"):
            await check(engine, "LOCAL")


@pytest.mark.parametrize("name", ["LOCAL", "local", " Local\t"])
async def test_case_and_blanks_around_a_name_do_not_matter(engine: AsyncEngine, name: str) -> None:
    """People type; what goes on is the name that the worker knows."""
    await announce(engine, {"LOCAL": LocalProvider()})
    assert await offered(engine, name) == "LOCAL"
    assert await known(engine, name) == "LOCAL"


@pytest.mark.parametrize("blank", ["", "  ", "\0"])
async def test_a_blank_actor_or_reason_is_refused(engine: AsyncEngine, blank: str) -> None:
    """Whoever finds it paused must learn who and why; nothing is written."""
    await announce(engine, {"LOCAL": LocalProvider()})
    nobody: Any = None  # nothing is asked of it
    for actor, reason in ((blank, "a test"), ("ana", blank)):
        with pytest.raises(InvalidInput, match="blank"):
            await providers.pause(engine, "LOCAL", actor, reason)
        with pytest.raises(InvalidInput, match="blank"):
            await providers.resume(engine, nobody, "LOCAL", actor, reason)
        with pytest.raises(InvalidInput, match="blank"):
            intervention(actor, reason)
    assert await value(engine, "SELECT count(*) FROM provider_gates WHERE paused") == 0


async def test_who_pauses_and_resumes_is_logged_once_without_a_code(engine: AsyncEngine) -> None:
    """Whoever asks, API or command line; of a resume no table keeps who and why."""
    await announce(engine, {"LOCAL": LocalProvider()})
    nobody: Any = None  # no order waits
    with capture_logs() as lines:
        await providers.pause(engine, "local", " ana ", f"sold {CODE}")
        await providers.resume(engine, nobody, "local", "bob", f"not {CODE}")
    assert [(line["event"], line["provider"], line["actor"]) for line in lines] == [
        ("provider_paused", "LOCAL", "ana"),
        ("provider_resumed", "LOCAL", "bob"),
    ]
    assert lines[1]["reason"] == "not [code withheld]"
    assert CANARY not in str(lines)


async def test_only_what_the_last_worker_offers_can_be_bought_from(engine: AsyncEngine) -> None:
    """A provider that is not offered any more stays known, paused as it was, and is refused."""
    await announce(engine, {"AIRALO": LocalProvider(), "LOCAL": LocalProvider()})
    await providers.pause(engine, "AIRALO", "ana", "a test")
    await announce(engine, {"LOCAL": LocalProvider()})
    with pytest.raises(UnknownProvider, match=r"there is: LOCAL\.$"):
        await offered(engine, "AIRALO")
    assert await known(engine, "AIRALO") == "AIRALO"
    async with transaction(engine) as connection:
        assert await provider_controls.offered(connection) == {"LOCAL"}
    assert await value(engine, "SELECT count(*) FROM provider_gates WHERE paused") == 1
    assert [view.name for view in await providers.overview(engine)] == ["AIRALO", "LOCAL"]
