"""Who does something, and why, as the audit trail will keep it."""

from domain.errors import InvalidInput
from domain.redaction import as_note


def attributed(actor: str, reason: str) -> tuple[str, str]:
    """Return a person's name and reason as the trail can hold them: no code, no blanks around.

    Raises:
        InvalidInput: one of them is blank.
    """
    by, why = as_note(actor).strip(), as_note(reason).strip()
    if not by or not why:
        raise InvalidInput(
            "Actor and reason must not be blank (--actor, --reason): the audit trail keeps them."
        )
    return by, why


def named(actor: str) -> str:
    """Return a person's name as the trail can hold it, where no reason is asked for.

    Raises:
        InvalidInput: it is blank.
    """
    by = as_note(actor).strip()
    if not by:
        raise InvalidInput("The actor must not be blank (--actor): the audit trail keeps it.")
    return by
