"""What databases, spreadsheets and programs write where there is nothing, or where a number was."""

import re

# U+200B and its like: they come along when a text is copied from a page or a message.
_UNSEEN = dict.fromkeys(
    (0x00AD, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
)

NOTHING = frozenset(
    (
        *("", "-", "--", "---", "\\n", "null", "nil", "none", "nan", "nat", "na", "n/a", "n.a."),
        *("(null)", "<null>", "[null]", "<na>", "undefined", "(empty)", "(blank)"),
        *("not available", "not applicable", "#n/a", "#null!", "#value!", "#ref!", "#name?"),
        *("#num!", "#div/0!"),
    )
)
"""In small letters."""

NOT_YET = frozenset(
    (
        *("pending", "processing", "in progress", "in_progress", "in-progress", "waiting"),
        *("queued", "reserved", "allocated", "released", "available", "unavailable", "active"),
        *("inactive", "failed", "error", "success", "successful", "completed", "true", "false"),
        *("no", "unknown", "empty", "blank", "void", "missing", "expired", "cancelled"),
        *("canceled", "deleted", "revoked", "refunded", "tbd", "tba", "tbc", "todo"),
        *("to be announced", "to be confirmed", "not set", "not provided", "hidden"),
        *("redacted", "[redacted]", "string", "?", "??", "...", "*"),
    )
)
"""Words for a state, or in place of something, in small letters."""

_SHORTEST_WORD = 3

# 4711.0, 8.9E+18, 1E+15. Not 12E45, which may be somebody's code.
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]*(E[+-]?[0-9]+)?|E[+-][0-9]+)", re.IGNORECASE)


def seen(text: str) -> str:
    """Return a text without characters of no width, and without blanks around it."""
    return (text if text.isascii() else text.translate(_UNSEEN)).strip()


def is_nothing(text: str) -> bool:
    """Tell whether a text is empty or a word for nothing, such as NULL, nan or N/A."""
    return _word(text) in NOTHING


def says_nothing(text: str) -> bool:
    """Tell whether a text is no more than a word for nothing, or for a state: PENDING, TBD."""
    word = _word(text)
    return word in NOTHING or word in NOT_YET or not word.strip("*.-")


def is_word_for_nothing(text: str) -> bool:
    """Tell whether a text says nothing in letters: NULL and PENDING, not a mere hyphen."""
    return len(text) >= _SHORTEST_WORD and text[:1].isalpha() and says_nothing(text)


def was_number(text: str) -> bool:
    """Tell whether a program took a text for a number: 4711.0, 8.9E+18. Its digits are lost."""
    return _NUMBER.fullmatch(seen(text)) is not None


def _word(text: str) -> str:
    return seen(text).strip("\"'").strip().lower()
