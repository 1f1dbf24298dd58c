"""What of a provider's reply may be kept for ops: a short list of fields, without secrets.

Replies are foreign text: a field we do not know may hold a code, and an error message may quote
one. So unknown fields are dropped, and known ones are masked rather too much than too little. A
name that we did not send may be a code in the wrong field, so only its beginning is kept. What is
left also fits a Postgres `jsonb` (no NUL, no lone surrogate, no infinity).

Texts are cut before they are searched, and searched token by token: the work stays in proportion
to the reply's length, whatever it holds.
"""

import re
from collections.abc import Collection, Mapping

REDACTED = "[redacted]"

_MAX_TEXT = 300
_READ_TEXT = 4 * _MAX_TEXT
_MAX_ITEMS = 20
_MAX_FIELDS = 60
_MAX_KEY = 40
_SHORT = 8
_MAX_DEPTH = 6
_MAX_NUMBER = 10**9

# Keys are compared in lower case without underscores.
_NAME = re.compile(r"[0-9A-Za-z._:-]{1,64}")
_NAMES = frozenset(
    {"orderreference", "plancode", "requestid", "traceid", "packageid", "packagecode", "orderno"}
    | {"transactionid", "esimtranno", "description", "functioncallidentifier", "profiletype"}
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]{5,16}(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_WORD = re.compile(r"[A-Za-z_]{1,64}")
_DOTTED = re.compile(r"\d{1,3}(\.\d{1,3}){0,4}")
_FORMS = {
    "iccid": re.compile(r"[0-9]{18,20}F{0,2}"),
    "acceptedat": _MOMENT,
    "subjectcode": _DOTTED,
    "reasoncode": _DOTTED,
    "esimstatus": _WORD,
    "smdpstatus": _WORD,
}
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
_KNOWN = _NAMES | _FORMS.keys() | _CONTAINERS_AND_TEXTS | _SECRETS

_LPA_STRING = re.compile(r"(LPA(:|%3A)|\b1(\$|%24))\S*", re.IGNORECASE)
_TOKEN = re.compile(r"[\w-]{6,}", re.ASCII)
_CAPITALS = re.compile(r"[A-Z0-9]-[A-Z0-9-]+\b", re.ASCII)


def redacted(body: object, secrets: Collection[str] = (), sent: Collection[str] = ()) -> object:
    """Keep of a reply's JSON only what ops may read.

    Args:
        body: parsed JSON.
        secrets: texts that are masked wherever they stand (credentials, the customer's name).
        sent: identifiers of our own request: one that comes back is kept whole.
    """
    return _Redaction(secrets, sent).of(body, depth=0)


def identifiers(body: Mapping[str, object]) -> frozenset[str]:
    """Find the names in a request of ours that a reply may repeat."""
    found: set[str] = set()
    for key, value in body.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                found |= identifiers(each)
            elif isinstance(each, str) and _plain(key) in _NAMES:
                found.add(each)
    return frozenset(found)


def masked(text: str, secrets: Collection[str] = ()) -> str:
    """Mask in a line of foreign text whatever looks like a code or an address."""
    known = [secret for secret in secrets if secret]
    clean = "".join(character for character in text[:_READ_TEXT] if character.isprintable())
    for secret in known:
        clean = re.sub(re.escape(secret), REDACTED, clean, flags=re.IGNORECASE)
    clean = _LPA_STRING.sub(REDACTED, clean)
    clean = " ".join(REDACTED if "@" in word else word for word in clean.split(" "))
    clean = _TOKEN.sub(_without_a_code, clean)
    if len(text) > _READ_TEXT:  # what the cut has left of a secret would not be known as one
        clean = clean[: -max(map(len, known), default=0) or None].rpartition(" ")[0] or REDACTED
    return clean[:_MAX_TEXT]


def _without_a_code(token: re.Match[str]) -> str:
    """Mask what is long enough for a matching id and has a digit, or capitals and a hyphen."""
    word = token.group()
    like_a_code = any("0" <= each <= "9" for each in word) or _CAPITALS.search(word)
    return REDACTED if like_a_code else word


class _Redaction:
    """Redacts one reply."""

    def __init__(self, secrets: Collection[str], sent: Collection[str]) -> None:
        self._secrets = secrets
        self._sent = sent

    def of(self, value: object, depth: int) -> object:
        """Keep of a value what may be kept."""
        if depth > _MAX_DEPTH:
            return REDACTED
        if isinstance(value, dict):
            known = [(str(key), item) for key, item in value.items() if _plain(str(key)) in _KNOWN]
            return {key: self._field(key, item, depth) for key, item in known[:_MAX_FIELDS]}
        if isinstance(value, list):
            return [self.of(item, depth + 1) for item in value[:_MAX_ITEMS]]
        if isinstance(value, str):
            return masked(value, self._secrets)
        if isinstance(value, int | float):  # bool included; NaN compares false
            return value if abs(value) < _MAX_NUMBER else REDACTED
        return None

    def _field(self, key: str, value: object, depth: int) -> object:
        name = _plain(key)
        if name in _SECRETS:
            return REDACTED
        if name in _NAMES:
            return self._identifier(value, _NAME)
        if name in _FORMS:
            return self._identifier(value, _FORMS[name], whole=True)
        return self.of(value, depth + 1)

    def _identifier(self, value: object, form: re.Pattern[str], *, whole: bool = False) -> str:
        if not isinstance(value, str) or not form.fullmatch(value):
            return REDACTED
        quotes_secret = any(each and each.lower() in value.lower() for each in self._secrets)
        if quotes_secret or _LPA_STRING.search(value):
            return REDACTED
        if whole or value in self._sent:
            return value
        return f"{value[: min(_SHORT, len(value) // 2)]}…"


def _plain(key: str) -> str:
    return key.lower().replace("_", "") if len(key) <= _MAX_KEY else ""
