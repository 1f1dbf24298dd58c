"""What people and partners write, made fit for the audit trail: no code stays in it."""

import re

_NOTE_LENGTH = 500
_READ_LENGTH = 4 * _NOTE_LENGTH

_CODE = re.compile(r"(LPA:)?\b1\$\S+", re.IGNORECASE)


def without_codes(text: str) -> str:
    """Withhold from a text whatever looks like an activation code."""
    return _CODE.sub("[code withheld]", text)


def as_note(text: str) -> str:
    """Make what a person wrote fit for the audit trail.

    Postgres refuses NUL and surrogates; a code that was pasted must not become evidence for ever.
    A novel is cut first, so that the work is bounded whatever comes.
    """
    clean = text[:_READ_LENGTH].replace("\0", "").encode(errors="replace").decode()
    return without_codes(clean)[:_NOTE_LENGTH]
