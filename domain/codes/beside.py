"""What comes beside a code: a confirmation code and instructions. Neither is ever "NULL"."""

from domain.blank import says_nothing, seen, was_number
from domain.errors import InvalidInput

_CONFIRMATION_LENGTH = 64


def confirmation_code(text: str | None) -> str | None:
    """Read what a phone will ask for; None if there is nothing.

    Raises:
        InvalidInput: it cannot be one, or was damaged; quotes nothing of it.
    """
    if text is None or says_nothing(text):
        return None
    code = seen(text)
    if was_number(code):
        raise InvalidInput(
            "The confirmation code was turned into a number, as spreadsheets do (4711.0), and its"
            " zeros may be lost: export the column as text."
        )
    if len(code) > _CONFIRMATION_LENGTH or not (code.isascii() and code.isprintable()):
        raise InvalidInput("The confirmation code is too long or cannot be typed in.")
    return code


def instructions(text: str | None) -> str | None:
    """Read what the customer is told; None if it says nothing, or is a mere number."""
    if text is None or says_nothing(text) or was_number(text):
        return None
    return text
