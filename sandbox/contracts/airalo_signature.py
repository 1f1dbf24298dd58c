r"""Airalo's signatures as its official SDKs make and check them (PyPI `airalo-sdk` 1.0.3).

HMAC-SHA512, keyed with the client secret, of the JSON as PHP's `json_encode` writes it: no blanks,
`/` as `\/`. So a body that was re-encoded on its way, or has blanks, is still the same.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from sandbox.credentials import AIRALO_CLIENT_SECRET
from sandbox.http import Request, json_object

HEADER: Final = "airalo-signature"


def signature(fields: Mapping[str, Any], secret: str = AIRALO_CLIENT_SECRET) -> str:
    """Compute the value of the header that goes with these fields."""
    text = json.dumps(fields, separators=(",", ":")).replace("/", r"\/")
    return hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest()


def is_forged(request: Request) -> bool:
    """Tell whether a JSON request has a signature, and not that of its fields."""
    given, fields = request.headers.get(HEADER), json_object(request.body)
    return given is not None and fields is not None and given != signature(fields)
