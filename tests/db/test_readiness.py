"""Whether a database can serve."""

from collections.abc import Awaitable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.listen import Notifications
from db.readiness import check_notifications, check_writes, newest_revision
from domain.errors import EsimError
from tests.rows import run, value


async def _finding(check: Awaitable[None]) -> str:
    try:
        await check
    except EsimError as error:
        return error.message
    return "ok"


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("SELECT 1", "ok"),
        ("UPDATE alembic_version SET version_num = '9999'", "ok"),
        ("UPDATE alembic_version SET version_num = '0001'", "schema is at 0001"),
        ("UPDATE alembic_version SET version_num = 'ab12'", "schema is at ab12"),
        ("DELETE FROM alembic_version", "schema is at none"),
        ("ALTER TABLE alembic_version RENAME TO theirs", "not ours"),
    ],
)
async def test_a_database_is_ready_if_it_takes_writes_into_our_schema(
    engine: AsyncEngine, statement: str, finding: str
) -> None:
    """An older schema and another program's are not; a newer one is."""
    await run(engine, statement)
    assert finding in await _finding(check_writes(engine, newest_revision()))


async def test_a_check_leaves_one_row(engine: AsyncEngine) -> None:
    """However often it looks."""
    for _ in range(3):
        await check_writes(engine, newest_revision())
    assert await value(engine, "SELECT count(*) FROM readiness") == 1


async def test_a_notify_comes_back_or_not(
    engine: AsyncEngine, postgres_url: str, database_url: str
) -> None:
    """It does not behind a pooler of transactions, or with the two ends at two servers."""
    for url, finding in ((database_url, "ok"), (postgres_url, "A NOTIFY did not come back.")):
        notifications = Notifications(url)
        async with notifications.running():
            while not notifications.listening:
                with notifications.subscribe(0) as any_news:
                    await any_news.wait(0.05)
            seconds = 20 if finding == "ok" else 0.2
            check = check_notifications(engine, notifications, timeout_seconds=seconds)
            assert await _finding(check) == finding
