"""Taking a code out of what it was wrapped in: percent-encoding, an install link, stray blanks.

Only what can be read in one way is unwrapped. Whatever comes out is judged afterwards.
"""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

from domain.blank import seen
from domain.errors import InvalidActivationCode

MOST_CHARACTERS = 4096
"""Of one field that may hold a code; longer ones are not looked at."""

_LAYERS = 4  # a link, encoded, in a link
_MOST_PARAMETERS = 50
_LINK = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PERCENT = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)
_CODE = re.compile(r"(LPA:\s*)?1\$[^$]+\$", re.IGNORECASE)
_LOOSE_DELIMITER = re.compile(r"\s*([$:])\s*")


def unwrapped(text: str) -> str:
    """Return the code that a text wraps, or the text without blanks around it.

    Blanks beside `$` and `:` go. Others stay: behind the matching id another code may follow.

    Raises:
        InvalidActivationCode: the text is too long to be looked at.
    """
    if len(text) > MOST_CHARACTERS:
        raise InvalidActivationCode(f"It is longer than {MOST_CHARACTERS} characters.")
    inner = seen(text).strip("\"'")
    for _ in range(_LAYERS):
        if "%" not in inner and "://" not in inner:
            break
        inner = seen(_inner(inner))
    return _LOOSE_DELIMITER.sub(r"\1", inner) if "$" in inner else inner


def _inner(text: str) -> str:
    """Take one layer off; a link that names no code, or several, stays."""
    if not _LINK.match(text):
        return unquote(text) if _PERCENT.search(text) else text
    try:
        parts = urlsplit(text)
        pairs = [
            pair
            for part in (parts.query, parts.fragment)
            for pair in parse_qsl(part, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
        ]
    except ValueError:
        return text
    named = {each.strip() for pair in pairs for each in pair if _CODE.match(_decoded(each))}
    return named.pop() if len(named) == 1 else text


def _decoded(text: str) -> str:
    for _ in range(_LAYERS):
        text = unquote(text)
    return text.strip()
