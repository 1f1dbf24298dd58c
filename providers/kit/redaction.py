"""What of a provider's reply may be kept for ops: a short list of fields, without secrets.

Replies are foreign text: a field we do not know may hold a code, and an error message may quote
one. So unknown fields are dropped, and known ones are masked rather too much than too little.
What is left also fits a Postgres `jsonb` (no NUL, no lone surrogate, no infinity).
"""

import re
from collections.abc import Collection

REDACTED = "[redacted]"

_MAX_TEXT = 300
_MAX_ITEMS = 20
_MAX_DEPTH = 6
_MAX_NUMBER = 10**9

# Keys are compared in lower case without underscores.
_NAME = re.compile(r"[0-9A-Za-z._:-]{1,64}")
_IDENTIFIERS = dict.fromkeys(
    (
        *("orderreference", "plancode", "requestid", "traceid", "packageid", "packagecode"),
        *("orderno", "transactionid", "esimtranno", "description", "subjectcode", "reasoncode"),
        *("functioncallidentifier", "profiletype", "esimstatus", "smdpstatus", "acceptedat"),
    ),
    _NAME,
) | {"iccid": re.compile(r"[0-9]{18,20}F{0,2}")}
_CONTAINERS_AND_TEXTS = frozenset(
    {"code", "data", "detail", "error", "errorcode", "errors", "field", "message", "quantity"}
    | {"reason", "status", "success", "title", "type", "meta", "obj", "errormsg", "sims"}
    | {"esimlist", "header", "functionexecutionstatus", "statuscodedata", "count"}
    | {"id", "packagelist"}
)
_SECRETS = frozenset(
    {"activationcode", "confirmationcode", "customer", "instructions", "qrcode", "qrcodeurl"}
    | {"ac", "lpa", "matchingid", "directappleinstallationurl", "accesstoken", "smdpaddress"}
)

_LPA_STRING = re.compile(r"(LPA(:|%3A)|\b1(\$|%24))\S*", re.IGNORECASE)
_EMAIL = re.compile(r"\S+@\S+")
# Long enough for a matching id, and with a digit or in capitals joined by hyphens.
_CODE_LIKE = re.compile(r"(?=[\w-]{6,})(?=[\w-]*[0-9]|[A-Z0-9]+-[A-Z0-9-]+\b)[\w-]+", re.ASCII)


def redacted(body: object, secrets: Collection[str] = ()) -> object:
    """Keep of a reply's JSON only what ops may read.

    Args:
        body: parsed JSON.
        secrets: texts that are masked wherever they stand (credentials, the customer's name).
    """
    return _redacted(body, secrets, depth=0)


def masked(text: str, secrets: Collection[str] = ()) -> str:
    """Mask in a line of foreign text whatever looks like a code or an address."""
    clean = "".join(character for character in text if character.isprintable())
    for secret in filter(None, secrets):
        clean = re.sub(re.escape(secret), REDACTED, clean, flags=re.IGNORECASE)
    for pattern in (_LPA_STRING, _EMAIL, _CODE_LIKE):
        clean = pattern.sub(REDACTED, clean)
    return clean[:_MAX_TEXT]


def _redacted(value: object, secrets: Collection[str], depth: int) -> object:
    if depth > _MAX_DEPTH:
        return REDACTED
    if isinstance(value, dict):
        kept = {str(key): _field(str(key), item, secrets, depth) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not _DROPPED}
    if isinstance(value, list):
        return [_redacted(item, secrets, depth + 1) for item in value[:_MAX_ITEMS]]
    if isinstance(value, str):
        return masked(value, secrets)
    if isinstance(value, int | float):  # bool included; NaN compares false
        return value if abs(value) < _MAX_NUMBER else REDACTED
    return None


_DROPPED = object()


def _field(key: str, value: object, secrets: Collection[str], depth: int) -> object:
    name = key.lower().replace("_", "")
    if name in _SECRETS:
        return REDACTED
    if name in _IDENTIFIERS:
        return _identifier(value, _IDENTIFIERS[name], secrets)
    if name in _CONTAINERS_AND_TEXTS:
        return _redacted(value, secrets, depth + 1)
    return _DROPPED


def _identifier(value: object, form: re.Pattern[str], secrets: Collection[str]) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        return REDACTED
    quotes_secret = any(secret and secret.lower() in value.lower() for secret in secrets)
    return REDACTED if quotes_secret or _LPA_STRING.search(value) else value
