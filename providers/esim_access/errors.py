"""Error codes of eSIM Access and what they mean. They come in HTTP 200, with `success: false`."""

import re
from collections.abc import Mapping

from domain.errors import (
    CredentialsRefused,
    InvalidInput,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderUnavailable,
)
from providers.kit.fields import mapping

NOT_IN_THIS_STATE = frozenset({"200002", "200009"})
NOT_ALLOCATED = "200010"
NO_SUCH_ORDER = "310272"
KNOWN_REFERENCE = "310402"
"""The transactionId exists already: whatever it bought is booked."""
NO_SUCH_PROFILE = frozenset({NO_SUCH_ORDER, "310403"})

# What is not here settles nothing: of an order nobody knows whether it was booked.
_MEANINGS: Mapping[str, type[ProviderError]] = {
    **dict.fromkeys(
        (
            *("000101", "000102", "000103", "000104", "000105", "000106", "000107"),  # malformed
            *("200005", "200006", "200007", "200008"),  # price, amount, balance, parameter
            *("310201", "310211", "310221", "310231", "310241", "310243", "310251"),  # unknown plan
        ),
        ProviderRefused,
    ),
    # Timestamp, address, signature or access code: refused before it is known what is asked.
    **dict.fromkeys(("101001", "101002", "101003"), CredentialsRefused),
    "200011": ProviderOutOfStock,
    "900001": ProviderUnavailable,
    KNOWN_REFERENCE: ProviderOutcomeUnknown,
}
_CODE = re.compile(r"[0-9]{1,8}")


def error_code(body: object) -> str | None:
    """Read the code of a failure; None for a success.

    Raises:
        InvalidInput: the reply is neither.
    """
    fields = mapping(body)
    success = fields.get("success")
    if success is True or success == "true":  # the reference shows both
        return None
    if success is not False and success != "false":
        raise InvalidInput("It does not say whether it succeeded.")
    code = str(fields.get("errorCode", ""))
    return code if _CODE.fullmatch(code) else "missing"


def failure(
    provider: str,
    code: str,
    unsure: type[ProviderError],
    reply: Mapping[str, object],
) -> ProviderError:
    """Make the error that a code stands for. A code that settles nothing becomes `unsure`."""
    known = _MEANINGS.get(code, unsure)
    kind = unsure if known is ProviderOutcomeUnknown else known
    return kind(f"{provider} answered with error code {code}.", reply=reply)


def judged(status: int, body: object) -> type[ProviderError] | None:
    """Judge a failed HTTP reply by its code; None means "by its status"."""
    if not isinstance(body, dict) or status not in _CLIENT_ERRORS:
        return None
    return _MEANINGS.get(str(body.get("errorCode")))


_CLIENT_ERRORS = frozenset(range(400, 500))
