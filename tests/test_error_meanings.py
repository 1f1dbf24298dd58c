"""What every part of the service makes of each error, as a literal table.

Written down from the lists that stood beside their readers before the classes said it themselves.
"""

from dataclasses import dataclass

import pytest
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, TimeoutType
from temporalio.exceptions import TimeoutError as StepTimeout

from activities.errors import application_error
from api.http.problems import to_problem
from cli.terminal import explain
from domain import errors
from domain.consequence import OnFailure, Retry
from domain.errors import EsimError, by_code
from domain.profile import ProfileStatus
from tests.domain.test_errors import OURS
from workflows import policies
from workflows.outcome import classify, kind_of, parked_state

FAILED, EXHAUSTED, REVIEW = (
    ProfileStatus.PROVISIONING_FAILED,
    ProfileStatus.EXHAUSTED,
    ProfileStatus.NEEDS_REVIEW,
)
INTERNAL = (500, "internal-error", "Something went wrong on our side.", None)


@dataclass(frozen=True)
class Meaning:
    """What follows: for Temporal (marks), for the activation, for the API and the command line."""

    marks: str
    parked: ProfileStatus = FAILED
    http: tuple[int, str, str, str | None] = INTERNAL
    hint: str = ""


def told(status: int, code: str) -> tuple[int, str, str, str | None]:
    """An answer with the error's own sentence."""
    return status, code, "M.", None


def busy(code: str, detail: str, status: int = 503) -> tuple[int, str, str, str | None]:
    """An answer that asks to come back in five seconds."""
    return status, code, detail, "5"


MEANINGS = {
    "esim-error": Meaning(""),
    "misconfigured": Meaning(
        "", hint="Set it, or run the command as `./dev esimctl ...`, which sets everything."
    ),
    "invalid-input": Meaning("", http=told(422, "invalid-input")),
    "invalid-activation-code": Meaning("", http=told(422, "invalid-activation-code")),
    "invalid-iccid": Meaning("", http=told(422, "invalid-iccid")),
    "order-not-found": Meaning("fails", http=told(404, "order-not-found")),
    "user-not-found": Meaning(
        "",
        http=told(404, "user-not-found"),
        hint="`esimctl users` lists who has a role; `esimctl token` adds a user.",
    ),
    "order-not-paid": Meaning("ends", http=told(400, "order-not-paid")),
    "order-not-yet-paid": Meaning("fails"),
    "activation-cancelled": Meaning("ends", http=told(409, "activation-cancelled")),
    "illegal-transition": Meaning("", http=told(409, "illegal-transition")),
    "not-waiting": Meaning("", http=told(409, "not-waiting")),
    "already-assigned": Meaning("", http=told(409, "already-assigned")),
    "needs-review": Meaning("", parked=REVIEW),
    "not-in-review": Meaning("", http=told(409, "not-in-review")),
    "review-not-found": Meaning("", http=told(404, "review-not-found")),
    "reply-not-found": Meaning("", http=told(404, "reply-not-found")),
    "webhook-refused": Meaning(""),
    "purchase-under-way": Meaning(
        "retried waits outage",
        http=busy("purchase-under-way", "M. Please try again in a moment.", 409),
        hint="Try again in a moment.",
    ),
    "stale-write": Meaning(
        "retried waits",
        http=busy("stale-write", "Somebody else changed the same thing. Please try again."),
    ),
    "duplicate-stock": Meaning("", http=told(409, "duplicate-stock")),
    "unknown-provider": Meaning("waits drops_seller", http=told(404, "unknown-provider")),
    "faulty-stock": Meaning("waits"),
    "storage-fault": Meaning("", hint="Is the schema up to date? alembic upgrade head"),
    "storage-unavailable": Meaning(
        "retried benign waits away",
        http=busy("storage-unavailable", "The service is busy. Please try again in a moment."),
        hint="Is Postgres up and DATABASE_URL right? Locally: ./dev up",
    ),
    "engine-unavailable": Meaning(
        "",
        http=busy(
            "engine-unavailable", "Activation is not available right now. Please try again shortly."
        ),
        hint="Locally: ./dev up",
    ),
    "provider-error": Meaning(""),
    "provider-unavailable": Meaning("retried benign waits fails_over outage"),
    "provider-held": Meaning("benign waits fails_over outage"),
    "credentials-refused": Meaning(
        "benign waits fails_over outage",
        hint="Mend the provider's key or our address there, then: esimctl resume PROVIDER",
    ),
    "provider-refused": Meaning("fails_over drops_seller"),
    "provider-out-of-stock": Meaning("fails_over", parked=EXHAUSTED),
    "provider-order-failed": Meaning("fails_over drops_seller"),
    "provider-outcome-unknown": Meaning("retried waits outage", parked=REVIEW),
    "provider-reply-unusable": Meaning("retried", parked=REVIEW),
    "step-timed-out": Meaning("waits outage"),
}


@pytest.mark.parametrize("kind", EsimError.kinds(), ids=lambda kind: kind.__name__)
def test_each_error_means_what_it_always_meant(
    kind: type[EsimError], capsys: pytest.CaptureFixture[str]
) -> None:
    """Retry, rounds, parked state, failover, outage, end, seller, HTTP answer and hint."""
    meaning = MEANINGS[kind.code] if kind.__module__ in OURS else Meaning("")
    crossed = application_error(kind("M."))
    assert marks(crossed) == set(meaning.marks.split())
    assert parked_state(classify(crossed)) is meaning.parked
    problem = to_problem(kind("M."))
    answer = (problem.status, problem.code, problem.detail, problem.headers.get("Retry-After"))
    assert answer == meaning.http
    assert problem.retryable is (meaning.http[3] is not None)
    explain(kind("M."))
    assert capsys.readouterr().err.strip() == f"Error: M. {meaning.hint}".strip()


def marks(crossed: ApplicationError) -> set[str]:
    """Everything that is true of a failure that has crossed Temporal."""
    failure = classify(crossed)
    kind = kind_of(failure)
    facts = {
        "retried": not crossed.non_retryable,
        "benign": crossed.category is ApplicationErrorCategory.BENIGN,
        "waits": failure.parks_as is None,
        "fails_over": kind.fails_over,
        "outage": kind.is_outage,
        "fails": kind.on_failure is OnFailure.FAIL_THE_RUN,
        "ends": kind.on_failure is OnFailure.CANCEL,
        "drops_seller": kind.drops_seller,
        "away": kind.retry is Retry.PATIENTLY,
    }
    return {name for name, holds in facts.items() if holds}


@pytest.mark.parametrize("code", ["unknown", "internal-error", "of-another-release"])
def test_a_code_without_a_class_parks_for_a_person(code: str) -> None:
    """No rounds, no other provider, no outage; a defect is still repeated as Temporal repeats."""
    failure = classify(ApplicationError("M.", type=code))
    assert (failure.code, failure.parks_as) == (code, FAILED)
    assert marks(ApplicationError("M.", type=code)) == {"retried"}


def test_a_step_that_timed_out_is_an_outage_that_rounds_wait_out() -> None:
    """It may be over soon; nobody else is asked, for it may have been booked."""
    timeout = StepTimeout("late", type=TimeoutType.START_TO_CLOSE, last_heartbeat_details=[])
    failure = classify(timeout)
    assert (failure.code, failure.parks_as) == ("step-timed-out", None)
    assert parked_state(failure) is FAILED
    assert (kind_of(failure).is_outage, kind_of(failure).fails_over) == (True, False)


def test_what_a_patient_database_step_gives_up_on() -> None:
    """Another hand's change. What only a provider's call can raise makes no difference there."""
    given_up = set(policies.PATIENT_STEP_RETRY.non_retryable_error_types or [])
    provider_calls = {kind.code for kind in errors.ProviderError.kinds()} | {
        errors.PurchaseUnderWay.code
    }
    assert given_up - provider_calls == {"stale-write"}
    assert by_code("storage-unavailable").code not in given_up
