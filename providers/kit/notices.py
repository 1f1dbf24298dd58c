"""What readers of notifications have in common."""

import hashlib
import re
from collections.abc import Mapping

from domain import foreign_json
from domain.errors import InvalidInput, NoticeRefused

_ICCID = re.compile(r"[0-9]{18,20}")


def json_object(provider: str, body: bytes) -> Mapping[str, object]:
    """Parse a notification's JSON.

    Raises:
        NoticeRefused: it is no JSON object; quotes nothing of it.
    """
    try:
        parsed = foreign_json.parse(body)
    except InvalidInput:
        parsed = None
    if not isinstance(parsed, dict):
        raise NoticeRefused(f"This is no notification of {provider}.")
    return parsed


def digest(body: bytes) -> str:
    """Make an event id for a provider that gives none. A repeated body gets the same id."""
    return hashlib.sha256(body).hexdigest()


def iccid(value: object) -> str | None:
    """Read the ICCID that a notification names; None if it is none."""
    return value if isinstance(value, str) and _ICCID.fullmatch(value) else None
