"""What can follow from an error: the words in which `domain/errors.py` says it."""

from enum import StrEnum


class Retry(StrEnum):
    """How long the same step is repeated after an error."""

    NEVER = "never"
    BRIEFLY = "briefly"  # a few times; then the round has failed
    PATIENTLY = "patiently"  # as long as it takes: a database step waits outside the workflow task


class OnFailure(StrEnum):
    """What an activation does when the repetitions of a step are spent."""

    NEXT_ROUND = "next round"  # it tries again by itself, and parks once the rounds are spent too
    PARK = "park"  # it waits for a person, or for stock
    CANCEL = "cancel"  # it ends as cancelled: there is nothing to wait for any more
    FAIL_THE_RUN = "fail"  # there is nothing to activate (yet); a later start is a new run


class ParkedAs(StrEnum):
    """The state of a profile whose activation waits for a person or for stock."""

    PROVISIONING_FAILED = "provisioning_failed"
    EXHAUSTED = "exhausted"
    NEEDS_REVIEW = "needs_review"
