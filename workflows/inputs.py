"""Reads what people send by hand: starts, signals and updates of any shape.

The workflow takes its inputs unread. What the SDK cannot read drops a signal without a word, and
stalls a start for ever; here a text is a reason, and what means nothing is said to mean nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.converter import value_to_type
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.errors import InvalidInput
    from domain.event import Door
    from domain.redaction import as_note

from workflows.messages import (
    CANCEL,
    DOOR,
    RETRY,
    WORKFLOW_ID_PREFIX,
    ActivationRequest,
    Intervention,
    workflow_id,
)

MAXIMUM_BYTES = 16 * 1024
"""A longer input is not read: a reason is a sentence or two."""

_LARGEST_ID = 2**63 - 1
_TEXTS = ("actor", "reason", "provider")
_KNOWN = {*_TEXTS, "door"}
_SHOWN = 40
_WORDS: Mapping[type, str] = {list: "A list", bool: "True or false", int: "A number"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asked for.

    Attributes:
        request: as far as it can be understood.
        fault: why it cannot be acted on; None if it can.
        earlier: what the code before `messages.ANY_SHAPE` made of it; None if it dropped it.
    """

    request: Intervention
    fault: str | None = None
    earlier: Intervention | None = None


def read_request(name: str, inputs: Sequence[RawValue]) -> Asked:
    """Read a retry or a cancel; quotes no value in a fault.

    The door stands beside the input, where our own client puts it: what is typed by hand into
    Temporal's UI came by that one, whatever it says.
    """
    try:
        values = [_value(each) for each in inputs]
    except InvalidInput as fault:
        return Asked(Intervention(door=Door.SIGNAL), fault.message)
    asked = understood(values)
    if name not in {RETRY, CANCEL}:
        asked = Asked(asked.request, "There is no such request: there are retry and cancel.")
    stamp = inputs[0].payload.metadata.get(DOOR, b"") if inputs else b""
    door = Door(stamp.decode()) if stamp in _STAMPS else Door.SIGNAL
    return replace(asked, request=replace(asked.request, door=door))


_STAMPS = {door.value.encode() for door in Door}


def understood(values: Sequence[object]) -> Asked:
    """Make sense of a request's inputs, once they are parsed."""
    if len(values) > 1:
        return Asked(Intervention(), f"{len(values)} inputs were sent, and one is taken.")
    value = _unwrapped(values[0]) if values else None
    earlier = _as_read_earlier(values[0] if values else None)
    if value is None:
        return Asked(Intervention(), earlier=earlier)
    if isinstance(value, str):
        return Asked(_said({"reason": value}))
    if isinstance(value, dict):
        return Asked(_said(value), _fault(value), earlier)
    return Asked(Intervention(), f"{_WORDS.get(type(value), 'That')} says nothing here.")


def read_start(inputs: Sequence[RawValue]) -> tuple[ActivationRequest, ApplicationError | None]:
    """Read the input of a run, and check that the run is the one of its order.

    If it cannot be understood, returns nobody's order, and what the run is to fail with for good.
    """
    try:
        values = [_value(each) for each in inputs]
        return _start_of(workflow.info().workflow_id, values), None
    except InvalidInput as fault:
        message = f'{fault.message} An activation begins with {{"order_id": 42}}.'
        refusal = ApplicationError(message, type=fault.code, non_retryable=True)
        return ActivationRequest(order_id=0), refusal


def _start_of(run_of: str, values: Sequence[object]) -> ActivationRequest:
    if len(values) != 1:
        raise InvalidInput(f"{len(values)} inputs were sent, and one is taken.")
    request = started(values[0])
    if run_of.startswith(WORKFLOW_ID_PREFIX) and run_of != workflow_id(request.order_id):
        raise InvalidInput("Its workflow id is another order's.")
    return request


def started(value: object) -> ActivationRequest:
    """Make sense of a run's input, once it is parsed.

    A field that is not known may be a later version's, so one that says nothing is no fault.

    Raises:
        InvalidInput: it names no order, or something in it has no meaning.
    """
    fields = _unwrapped(value)
    if not isinstance(fields, dict):
        raise InvalidInput("The input is no JSON object.")
    known = ActivationRequest.__dataclass_fields__
    if unknown := _unknown(fields, known):
        raise InvalidInput(f"There is no field {unknown}.")
    order_id = fields.get("order_id")
    if type(order_id) is not int or not 0 < order_id <= _LARGEST_ID:
        raise InvalidInput("The order_id is no order's.")
    try:
        request: ActivationRequest = value_to_type(ActivationRequest, fields)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput("A field has a value of another type.") from None
    return request


def _value(raw: RawValue) -> object:
    if len(raw.payload.data) > MAXIMUM_BYTES:
        raise InvalidInput(f"The input is longer than {MAXIMUM_BYTES} bytes.")
    try:
        value: object = workflow.payload_converter().from_payload(raw.payload)
    except Exception:  # noqa: BLE001 - an unknown encoding, no JSON, or nested without end
        raise InvalidInput("The input is no JSON.") from None
    return value


def _unwrapped(value: object) -> object:
    """Take JSON out of a text: Temporal's UI has sent it so."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", '"')):
        return value
    try:
        inner = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return inner if isinstance(inner, dict | str) else value


def _said(fields: Mapping[object, object]) -> Intervention:
    given = {key: text for key in _TEXTS if isinstance(text := fields.get(key), str)}
    words = {key: as_note(text) for key, text in given.items() if text.strip() or key == "provider"}
    return Intervention(**words)


def _fault(fields: Mapping[object, object]) -> str | None:
    if unknown := _unknown(fields, _KNOWN):
        return f"There is no field {unknown}: known are actor, reason and provider."
    for key in _TEXTS:
        if not isinstance(fields.get(key), str | None):
            return f"Its {key} is no text."
    return None


def _unknown(fields: Mapping[object, object], known: object) -> str | None:
    names = (str(key) for key, value in fields.items() if value and key not in known)  # type: ignore[operator]
    name = next(names, None)
    return None if name is None else as_note(name)[:_SHOWN]


def _as_read_earlier(value: object) -> Intervention | None:
    """Read an input as the code did when the SDK read it: fields unknown to it did not count."""
    try:
        read: Intervention | None = value_to_type(Intervention | None, value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return read or Intervention()
