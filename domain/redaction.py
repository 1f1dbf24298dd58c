"""What people and partners write, made fit for the audit trail: no code stays in it."""

import re
from collections.abc import Iterable

_NOTE_LENGTH = 500
_READ_LENGTH = 4 * _NOTE_LENGTH
_SHORTEST_CODE = 4

_WITHHELD = "[code withheld]"
_CODE = re.compile(r"(LPA:)?\b1\$\S+", re.IGNORECASE)


def without_codes(text: str) -> str:
    """Withhold from a text whatever looks like an activation code."""
    return _CODE.sub(_WITHHELD, text)


def as_note(text: str, codes: Iterable[str] = ()) -> str:
    """Make what a person wrote fit for the audit trail.

    Postgres refuses NUL and surrogates; a code that was pasted must not become evidence for ever.
    A novel is cut first, so that the work is bounded whatever comes.

    Args:
        text: as it came.
        codes: of the order that it speaks of; a matching id alone is known by them only.
    """
    clean = text[:_READ_LENGTH].replace("\0", "").encode(errors="replace").decode()
    return without_these(without_codes(clean), codes)[:_NOTE_LENGTH]


def without_these(text: str, codes: Iterable[str]) -> str:
    """Withhold from a text these codes and their matching ids, whatever their case."""
    parts = {part for code in codes for part in (code, *code.split("$")[2:])}
    for secret in sorted(parts, key=len, reverse=True):
        if len(secret) < _SHORTEST_CODE:  # the "1" of a fifth field would be every 1
            break
        text = re.sub(re.escape(secret), _WITHHELD, text, flags=re.IGNORECASE)
    return text
