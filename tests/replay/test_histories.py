"""Every stored history replays on today's workflow code."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from tests.replay.record import HISTORIES
from workflows.activate_esim import ActivateEsimWorkflow

STORED = sorted(HISTORIES.glob("*.json"))
PATHS = {
    "accepted-then-delivered",
    "asked-again-and-again-by-the-clock",
    "asked-for-an-unknown-provider",
    "asked-in-another-shape",
    "bought",
    "cancelled-before-the-start",
    "cancelled-in-temporal-while-buying",
    "cancelled-while-accepted-then-returned",
    "cancelled-while-bought",
    "cancelled-while-parked",
    "cancelled-while-reserved",
    "cancelled-while-waiting",
    "credentials-refused",
    "exhausted-then-stocked",
    "failed-over",
    "failed-then-retried",
    "faulty-stock-then-retried",
    "flooded-then-continued",
    "misread-by-earlier-code",
    "needs-review-then-cancelled",
    "not-paid-yet-then-restarted",
    "parked-for-half-a-year",
    "parked-then-retried",
    "sent-to-the-customer",
    "stock-hit",
    "waited-an-outage-out",
}


def test_every_path_that_an_activation_can_take_is_stored() -> None:
    """A path without a history is one that a deploy could break unseen."""
    assert {path.stem for path in STORED} == PATHS


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
async def test_it_replays(path: Path) -> None:
    """The same commands in the same order: what runs in production goes on after a deploy."""
    history = WorkflowHistory.from_json(f"replay-{path.stem}", path.read_text())
    result = await Replayer(workflows=[ActivateEsimWorkflow]).replay_workflow(
        history, raise_on_replay_failure=False
    )
    assert result.replay_failure is None


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_it_holds_no_code(path: Path) -> None:
    """Payloads are ids, states and reasons, once what is base64 in the file is read."""
    said = "\n".join(texts_of(json.loads(path.read_text())))
    assert '"order_id"' in said  # the payloads were really read
    assert "LPA:" not in said
    assert "1$" not in said


def texts_of(value: object) -> Iterator[str]:
    """Every text of a history, payloads decoded."""
    if isinstance(value, dict):
        for key, each in value.items():
            is_payload = key == "data" and isinstance(each, str)
            yield b64decode(each).decode(errors="replace") if is_payload else key
            yield from texts_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_of(each)
    elif isinstance(value, str):
        yield value


def test_a_code_in_a_payload_would_be_seen() -> None:
    """The check itself can fail: payloads are not searched as they lie in the file."""
    code = b64encode(b'"1$smdp.example.com$SECRET"').decode()
    assert "1$smdp" in "".join(texts_of({"payloads": [{"data": code}]}))


async def test_a_change_of_the_workflow_is_noticed() -> None:
    """The check itself can fail: a history whose steps come in another order is refused."""
    events = json.loads((HISTORIES / "bought.json").read_text())
    for event in events["events"]:
        scheduled = event.get("activityTaskScheduledEventAttributes")
        if scheduled:
            scheduled["activityType"]["name"] = "another_step"
    history = WorkflowHistory.from_json("replay-broken", events)
    result = await Replayer(workflows=[ActivateEsimWorkflow]).replay_workflow(
        history, raise_on_replay_failure=False
    )
    assert result.replay_failure is not None
