r"""The header `airalo-signature`: HMAC-SHA512 in hex, keyed with the client secret.

Airalo's reference signs a notification's body as it was pushed. Its official SDKs sign what PHP's
`json_encode` makes of the same fields: no blanks, `/` as `\/`, other letters as `\u00e9`, which
the Python SDK leaves as they are. Each of these proves that the sender has the secret.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping

HEADER = "airalo-signature"


def signature(fields: Mapping[str, object], secret: str) -> str:
    """Sign what we post, as the SDKs do: over its fields, not over the body's bytes."""
    return _signed(canonical(fields), secret)


def is_signed(given: str, body: bytes, fields: Mapping[str, object], secret: str) -> bool:
    """Tell whether a notification's sender has the secret: whichever form the signature is of."""
    wanted = given.encode(errors="replace")
    found = [
        hmac.compare_digest(_signed(form, secret).encode(), wanted)
        for form in (body, *_forms(fields))
    ]
    return any(found)


def canonical(fields: Mapping[str, object]) -> bytes:
    """Write fields as PHP's `json_encode` does, whatever blanks and escapes they came with."""
    return _json(fields, ascii_only=True).replace("/", r"\/").encode()


def _forms(fields: Mapping[str, object]) -> Iterator[bytes]:
    yield canonical(fields)
    plain = _json(fields, ascii_only=False)
    # Lone surrogates are no UTF-8: nobody has signed them in this form.
    for text in (plain.replace("/", r"\/"), plain):
        yield text.encode(errors="replace")


def _json(fields: Mapping[str, object], *, ascii_only: bool) -> str:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=ascii_only)


def _signed(form: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), form, hashlib.sha512).hexdigest()
