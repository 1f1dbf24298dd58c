"""Defines what crosses the wire to and from `ActivateEsimWorkflow`. Names here never change.

Everything below lands in workflow histories, which ops can read: ids, states and reasons only,
never a code.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from temporalio.common import SearchAttributeKey

from domain.profile import ProfileStatus

WORKFLOW = "ActivateEsimWorkflow"
RETRY = "retry"
"""Signal and update: try again now."""
CANCEL = "cancel"
"""Signal: end the activation if the eSIM is not assigned yet."""
PURCHASE_NEWS = "purchase_news"
"""Signal: the provider said something of the order's purchase; look now."""
STATE = "state"
"""Query: where the activation stands."""

ANY_SHAPE = "requests-of-any-shape"
"""Patch: requests that the SDK could not read are read, or noted as ignored."""
FLOODED = "new-run-when-flooded"
"""Patch: a parked activation that is told too much begins a new run at once."""
DOOR = "door"
"""Metadata of a request's input: the `Door` that our own client sent it by."""
WORKFLOW_ID_PREFIX = "activate-esim-"

ORDER_ID = SearchAttributeKey.for_int("OrderId")
PLAN_ID = SearchAttributeKey.for_int("PlanId")
ESIM_STATUS = SearchAttributeKey.for_keyword("EsimStatus")
PROVIDER = SearchAttributeKey.for_keyword("Provider")
FAILURE_CODE = SearchAttributeKey.for_keyword("FailureCode")
ATTRIBUTES = (ORDER_ID, PLAN_ID, ESIM_STATUS, PROVIDER, FAILURE_CODE)
"""A workflow that sets one that is not registered stands still."""


def workflow_id(order_id: int) -> str:
    """Name the one workflow that an order can have."""
    return f"{WORKFLOW_ID_PREFIX}{order_id}"


def order_id_of(name: str) -> int | None:
    """Read an order's id from its workflow's; None if it is another workflow's."""
    number = name.removeprefix(WORKFLOW_ID_PREFIX)
    return int(number) if number != name and number.isdecimal() else None


def provider_queue(task_queue: str, provider: str) -> str:
    """Name the task queue that a provider's calls run on, beside the workflow's own."""
    return f"{task_queue}.{provider.lower()}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a round of attempts gave no eSIM.

    Attributes:
        code: an `EsimError.code`.
        parks_as: the state to wait in for a person; None if waiting alone may help.
        retry_after_seconds: the wait that a provider asked for.
    """

    code: str
    reason: str
    parks_as: ProfileStatus | None = None
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ActivationRequest:
    """The workflow's input. People starting one by hand give `order_id` alone.

    Attributes:
        failed_rounds, waiting_for: set when a waiting activation continues as a new run.
        short_rounds, outage_rounds: and how many automatic rounds of each kind have passed.
        next_round_at: and when the next one is due.
    """

    order_id: int
    provider: str | None = None
    failed_rounds: int = 0
    waiting_for: Failure | None = None
    outage_rounds: int = 0
    short_rounds: int = 0
    next_round_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ActivationResult:
    """How the activation ended."""

    order_id: int
    status: ProfileStatus
    item_id: int | None = None


@dataclass(frozen=True, slots=True)
class Intervention:
    """What a person (or the system in their name) says with a retry or a cancel.

    Attributes:
        provider: retry only: buy from this provider instead of those of the plan's route.
        door: set by whoever reads it, from `DOOR`; empty if no person stands behind it.
    """

    actor: str = "unnamed"
    reason: str = "no reason given"
    provider: str | None = None
    door: str = ""


class Step(StrEnum):
    """What an activation is doing, as its `state` query shows it."""

    STARTING = "starting"
    RESERVING = "reserving"
    BUYING = "buying"
    APPLYING = "applying"
    DELIVERING = "delivering"
    WAITING = "waiting_for_next_round"
    PARKED = "parked"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class ActivationState:
    """The answer to the `state` query."""

    order_id: int
    step: Step
    failed_rounds: int
    item_id: int | None = None
    provider: str | None = None
    failure: Failure | None = None
    next_round_at: str | None = None
