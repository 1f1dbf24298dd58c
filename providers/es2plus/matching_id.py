"""The secret part of a code. We choose it ourselves and can always work it out again."""

import base64
import hashlib
import hmac

from domain.errors import Misconfigured

MIN_SECRET_LENGTH = 32

_BYTES = 20
_GROUP = 8


class MatchingIds:
    """Makes matching ids, which follow from secret, reference and ICCID and from nothing else.

    So nobody else can know or choose it, and a repeated ConfirmOrder carries the same one.

    Raises:
        Misconfigured: the secret is too short to be one.
    """

    def __init__(self, secret: str) -> None:
        if len(secret.strip()) < MIN_SECRET_LENGTH:
            raise Misconfigured(
                f"ES2PLUS_MATCHING_ID_SECRET must have at least {MIN_SECRET_LENGTH} characters."
            )
        self._key = secret.encode()

    def of(self, reference: str, iccid: str) -> str:
        """Work out 160 bits in A-Z, 2-7 and hyphens (SGP.22 allows 0-9, A-Z and hyphens)."""
        digest = hmac.digest(self._key, f"{reference}/{iccid}".encode(), hashlib.sha256)
        text = base64.b32encode(digest[:_BYTES]).decode()
        return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))
