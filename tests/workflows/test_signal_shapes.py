"""Whatever Temporal's UI and command line send: acted on, or in the timeline; nothing stalls."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowFailureError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from local.temporal import TemporalServer
from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import answering
from tests.rows import paid_order, rows
from tests.workflows.conftest import Watch
from workflows.client import Activations
from workflows.inputs import MAXIMUM_BYTES
from workflows.messages import WORKFLOW, Intervention, Step, workflow_id
from workflows.policies import FLOODED_HISTORY_EVENTS

pytestmark = pytest.mark.usefixtures("catalogue", "worker")

CASE = Path(__file__).parents[1] / "cases" / "signal-text.sh"


def raw(data: str | bytes, encoding: str = "json/plain", **metadata: bytes) -> RawValue:
    """An input just as it goes over the wire."""
    content = data.encode() if isinstance(data, str) else data
    return RawValue(Payload(metadata={"encoding": encoding.encode(), **metadata}, data=content))


TAKEN: Mapping[str, Sequence[RawValue]] = {
    "no reason given": [],
    "the key was replaced": [raw('"the key was replaced"')],
    "sent from the UI": [raw('"{\\"actor\\": \\"ana\\", \\"reason\\": \\"sent from the UI\\"}"')],
    "from an object": [raw('{"reason": "from an object"}')],
    "with a NUL": [raw('"with\\u0000 a NUL"')],
    "half a pair ?": [raw('"half a pair \\ud800"')],
    "use [code withheld]": [raw('"use LPA:1$smdp.example.com$CANARY"')],
    "forged door": [raw('{"reason": "forged door", "door": "api"}')],
}
IGNORED: Mapping[str, Sequence[RawValue]] = {
    "2 inputs": [raw('"ana"'), raw('"fixed"')],
    "A list": [raw('["fixed"]')],
    "A number": [raw("42")],
    "True or false": [raw("true")],
    "no field reson": [raw('{"reson": "refund"}')],
    "Its actor is no text": [raw('{"actor": 5}')],
    "That says nothing": [raw(b"\xff\x00", "binary/plain")],
    "The input is no JSON": [raw("{", "json/plain")],
    "no JSON. (asked": [raw("{}", "json/protobuf")],
    "no JSON. (": [raw("{}", "of a later version")],
    "is no JSON": [raw("[" * 6000 + "]" * 6000)],
    f"longer than {MAXIMUM_BYTES}": [raw('"' + "x" * MAXIMUM_BYTES + '"')],
}


async def parked(engine: AsyncEngine, activations: Activations, watch: Watch) -> int:
    """An order that waits for a person."""
    order_id = await paid_order(engine)
    await activations.start(order_id, 123)
    await watch.step(order_id, Step.PARKED)
    return order_id


async def heard(engine: AsyncEngine, order_id: int, kind: str) -> dict[str, object]:
    """The first event of a kind, once it is there."""
    query = "SELECT payload FROM esim_provisioning_events WHERE order_id = :id AND kind = :kind"
    async with asyncio.timeout(30):
        while not (found := await rows(engine, query, id=order_id, kind=kind)):
            await asyncio.sleep(0.02)
    payload: dict[str, object] = found[0]["payload"]
    return payload


@pytest.mark.history("asked-in-another-shape")
async def test_every_shape_is_heard_and_a_cancel_works_after_each(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """Twenty shapes of retry, and one signal that is misspelt, each on an order of its own."""
    partner.answer = answering(400, {})

    async def send(signal: str, kind: str, reason: str, inputs: Sequence[RawValue]) -> None:
        order_id = await parked(engine, activations, watch)
        await watch.handle(order_id).signal(signal, args=inputs)
        said = await heard(engine, order_id, kind)
        assert reason in str(said["reason"])
        assert (said["door"], said["actor_claimed"]) == ("signal", True)
        await watch.handle(order_id).signal("cancel", "the customer wants the money back")
        assert await watch.ended(order_id) == "cancelled"
        cancelled = await heard(engine, order_id, "cancelled")
        assert cancelled["reason"] == "the customer wants the money back"

    async with asyncio.TaskGroup() as sending:
        sending.create_task(send("Retry", "request_ignored", "no such request", []))
        for reason, inputs in TAKEN.items():
            sending.create_task(send("retry", "retry_requested", reason, inputs))
        for reason, inputs in IGNORED.items():
            sending.create_task(send("retry", "request_ignored", reason, inputs))


async def test_a_cancel_that_cannot_be_understood_cancels_nothing_and_is_noted(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """The order waits on, and news with an input of its own is news."""
    partner.answer = answering(400, {})
    order_id = await parked(engine, activations, watch)
    await watch.handle(order_id).signal("cancel", args=["one", "two"])
    await watch.handle(order_id).signal("purchase_news", args=["one", "two"])
    assert "2 inputs" in str((await heard(engine, order_id, "request_ignored"))["reason"])
    assert (await watch.step(order_id, Step.PARKED)).order_id == order_id


@pytest.mark.history("flooded-then-continued", first_run=True)
async def test_a_flood_of_refused_requests_does_not_lengthen_a_history_without_end(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """The activation goes on as a new run, parked as before, and hears a cancel."""
    partner.answer = answering(400, {})
    order_id = await parked(engine, activations, watch)
    first = (await watch.handle(order_id).describe()).run_id
    async with asyncio.timeout(60):
        while (await watch.handle(order_id).describe()).run_id == first:
            await asyncio.gather(*(watch.handle(order_id).signal("retry", 42) for _ in range(10)))
            await watch.step(order_id, Step.PARKED)  # all of them are answered now
    assert (await watch.step(order_id, Step.PARKED)).failed_rounds == 1
    history = await watch.client.get_workflow_handle(
        workflow_id(order_id), run_id=first
    ).fetch_history()
    assert len(history.events) < 2 * FLOODED_HISTORY_EVENTS
    await activations.cancel(order_id, Intervention("ana", "enough"))
    assert await watch.ended(order_id) == "cancelled"
    assert len(partner.requests) == 1


async def test_the_case_from_the_field_is_acted_on(
    temporal_server: TemporalServer,
    engine: AsyncEngine,
    activations: Activations,
    watch: Watch,
    partner: PartnerServer,
) -> None:
    """signal-text.sh: two retries whose texts are the reasons, then a cancel."""
    partner.answer = answering(400, {})
    order_id = await parked(engine, activations, watch)
    temporal = Path(sys.executable).with_name("temporal")
    process = await asyncio.create_subprocess_exec(
        *("sh", str(CASE), str(order_id), temporal_server.address, str(temporal)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    assert await watch.ended(order_id) == "cancelled"
    query = (
        "SELECT actor, payload ->> 'reason' AS reason FROM esim_provisioning_events"
        " WHERE kind IN ('retry_requested', 'request_ignored', 'cancelled') ORDER BY id"
    )
    said = [(row["actor"], str(row["reason"])) for row in await rows(engine, query)]
    assert [actor for actor, _ in said] == ["unnamed", "ana", "unnamed"]
    assert "the key was replaced" in said[0][1]
    assert "sent from the UI" in said[1][1]
    assert said[2][1] == "the customer wants the money back"


async def test_an_update_by_hand_is_read_alike(
    engine: AsyncEngine, activations: Activations, watch: Watch, partner: PartnerServer
) -> None:
    """A text is the reason; what cannot be understood is told to its caller."""
    partner.answer = answering(400, {})
    order_id = await parked(engine, activations, watch)
    for name, argument in (("retry", ["a"]), ("Retry", "please")):
        with pytest.raises(Exception, match="update failed"):
            await watch.handle(order_id).execute_update(name, argument)
    await watch.handle(order_id).execute_update("retry", "by hand")
    said = await heard(engine, order_id, "retry_requested")
    assert said == {"reason": "by hand", "door": "signal", "actor_claimed": True}


@pytest.mark.parametrize(
    "inputs",
    [[], [raw('"42"')], [raw('{"order_id": 1}')], [raw("{}"), raw("{}")], [raw("{")]],
    ids=["none", "text", "of-another-order", "two", "no-json"],
)
async def test_a_start_by_hand_with_a_bad_input_fails_cleanly(
    watch: Watch, task_queue: str, engine: AsyncEngine, inputs: Sequence[RawValue]
) -> None:
    """The run has failed, with a sentence, and is not retried for ever."""
    await paid_order(engine)
    order_id = await paid_order(engine)
    handle = await watch.client.start_workflow(
        WORKFLOW, args=inputs, id=workflow_id(order_id), task_queue=task_queue
    )
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    cause = failure.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.non_retryable) == ("invalid-input", True)
    assert '{"order_id": 42}' in cause.message
