"""Names that strangers chose: how they are repeated, and what they may have meant."""

import difflib
from collections.abc import Collection

from domain.printable import visible

_SHOWN_CHARACTERS = 64


def unknown_name(name: str, known: Collection[str]) -> str:
    """Say what somebody may have meant by a name that is not known here."""
    near = difflib.get_close_matches(name[:_SHOWN_CHARACTERS].lower(), known, n=1)
    if near:
        return f"is not known here; did you mean `{near[0]}`?"
    return f"is not known here; known: {', '.join(sorted(known)) or 'none'}"


def shown(name: str) -> str:
    """A name that a stranger has chosen, short and harmless enough to repeat."""
    plain = visible(name[:_SHOWN_CHARACTERS])
    return plain if len(name) <= _SHOWN_CHARACTERS else f"{plain}..."
