"""A failed round is told to whoever watches the log."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs
from temporalio.testing import ActivityEnvironment

from activities.progress import FailedRound, ProgressActivities
from domain.profile import ProfileStatus
from tests.rows import paid_order

pytestmark = pytest.mark.usefixtures("catalogue")


@pytest.mark.parametrize(
    ("park_as", "level"), [(None, "warning"), (ProfileStatus.PROVISIONING_FAILED, "error")]
)
async def test_an_order_that_waits_for_a_person_is_an_error_with_its_reason(
    engine: AsyncEngine, park_as: ProfileStatus | None, level: str
) -> None:
    """One that goes on by itself is a warning; neither quotes a code."""
    order_id = await paid_order(engine)
    reason = "They refuse LPA:1$smdp.example$SECRET-CODE for good"
    failed = FailedRound(order_id, "provider-refused", reason, 1, park_as, None)
    with capture_logs() as log:
        await ActivityEnvironment().run(
            ProgressActivities(engine, frozenset()).record_failed_round, failed
        )
    [line] = [line for line in log if line["event"] == "activation_round_failed"]
    assert (line["log_level"], line["park_as"]) == (level, park_as)
    assert line["reason"] == "They refuse [code withheld] for good"
