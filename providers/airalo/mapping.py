"""Translates our words into Airalo's fields and back (docs/providers/airalo.md)."""

import html
import re
from collections.abc import Mapping
from http import HTTPStatus

import httpx

from domain.blank import says_nothing
from domain.codes import InstallCodes, install_codes
from domain.errors import (
    CredentialsRefused,
    InvalidInput,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.provider import Balance, ProvisionRequest
from providers.kit.base import SoldProfile
from providers.kit.fields import (
    complete,
    decimal_of,
    identifier,
    mapping,
    mappings,
    optional_text,
    printable,
    text,
    text_or_none,
)

FAILED = "failed"
REFUNDED = frozenset({"refunded", "partially_refunded"})
"""Statuses of orders that nothing is delivered from."""

_QUANTITY = 1
_MEANINGS: Mapping[int, type[ProviderError]] = {
    11: ProviderRefused,  # no credit
    13: ProviderUnavailable,  # operator under maintenance
    14: ProviderRefused,  # checksum
    23: ProviderRefused,  # top-up disabled
    33: ProviderOutOfStock,
    34: ProviderOutOfStock,  # or an invalid package
    43: ProviderRefused,  # bad request
    53: ProviderOutcomeUnknown,  # "something unexpected happened"
    73: ProviderRefused,  # recycled
    89: CredentialsRefused,  # our address is not on the allow list
}
_NOT_ADMITTED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_SOLD_OUT = "available quantity"

_MAX_HTML = 20_000
_LINE_END = re.compile(r"<(?:br|/p|/li|/ol|/ul|/h[1-6])\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_BLANKS = re.compile(r"\s*\n\s*")


def order_body(request: ProvisionRequest) -> dict[str, object]:
    """Make the body of `POST orders` and `POST orders-async`."""
    return {
        "package_id": request.plan_code,
        "quantity": _QUANTITY,
        "type": "sim",
        "description": request.reference,
    }


def judged(status: int, body: object) -> type[ProviderError] | None:
    """Judge a failed reply by its code; None means "by its status".

    A code that the reference does not list comes with 422 just as "something unexpected
    happened" does, so it settles nothing either; with 401 and 403 the status says enough.
    """
    if not httpx.codes.is_client_error(status) or not isinstance(body, dict):
        return None
    unlisted = None if status in _NOT_ADMITTED else ProviderOutcomeUnknown
    data = body.get("data")
    for fields in (body, data if isinstance(data, dict) else {}):
        if _SOLD_OUT in str(fields.get("quantity", "")).lower():
            return ProviderOutOfStock
        code = _number(fields.get("code"))
        if code is not None and code != status:
            return _MEANINGS.get(code, unlisted)
    return None


def data_of(body: object) -> Mapping[str, object]:
    """Read what a reply is about: an order, its acceptance, the balances.

    Raises:
        InvalidInput: there is none.
    """
    return mapping(mapping(body).get("data"))


def request_id(body: object) -> str:
    """Read what Airalo calls an asynchronous order, from the reply to `POST orders-async`.

    Raises:
        InvalidInput: it does not say.
    """
    named = identifier(data_of(body).get("request_id"))
    if named is None:
        raise InvalidInput("It names no request_id.")
    return named


def listed_orders(body: object) -> list[Mapping[str, object]]:
    """Read the orders on a page of `GET orders`.

    Raises:
        InvalidInput: it is no such page.
    """
    return mappings(mapping(body).get("data"))


def is_last_page(body: object, page: int, limit: int) -> bool:
    """Tell whether a page of `GET orders` is the last one.

    Raises:
        InvalidInput: it does not say.
    """
    meta = mapping(body).get("meta")
    last = _number(meta.get("last_page")) if isinstance(meta, dict) else None
    if last is not None:
        return page >= last
    if len(listed_orders(body)) >= limit:
        raise InvalidInput("It does not say whether there are more orders.")
    return True


def order_status(order: Mapping[str, object]) -> str | None:
    """Read a listed order's status."""
    status = order.get("status")
    return identifier(status.get("slug") if isinstance(status, dict) else status)


def order_name(order: Mapping[str, object]) -> str | None:
    """Read what Airalo calls a listed order."""
    return identifier(order.get("code")) or identifier(str(order.get("id", "")))


def without_earlier_failures(
    orders: list[Mapping[str, object]], accepted_id: str | None
) -> list[Mapping[str, object]]:
    """Keep of the orders of one description those that can be the purchase in question.

    A new attempt has the description of one that failed: only its own name tells them apart.
    """
    possible = [
        order for order in orders if order_status(order) != FAILED or _is_named(order, accepted_id)
    ]
    return possible if possible or accepted_id else orders


def _is_named(order: Mapping[str, object], accepted_id: str | None) -> bool:
    names = (order.get("code"), str(order.get("id", "")), order.get("request_id"))
    return accepted_id is not None and accepted_id in names


def profile_of(order: Mapping[str, object], request: ProvisionRequest) -> SoldProfile:
    """Read the profile in an order of ours, and check every field.

    Raises:
        InvalidInput: not our order, or a code that cannot be used; quotes no code.
    """
    _check_echo(order, request)
    sims = mappings(order.get("sims"))
    if len(sims) != _QUANTITY:
        raise InvalidInput(f"It holds {len(sims)} eSIMs.")
    (sim,) = sims
    return SoldProfile(
        iccid=optional_text(sim, "iccid"),
        codes=complete(_codes(sim)),
        instructions=_instructions(order, sim),
        confirmation_code=printable(optional_text(sim, "confirmation_code")),
    )


def balance_of(body: object) -> Balance | None:
    """Read the first account of `GET balance`; None if there is none.

    Raises:
        InvalidInput: it cannot be read.
    """
    balances = data_of(body).get("balances")
    accounts = mappings(balances if isinstance(balances, list) else [balances])
    if not accounts:
        return None
    available = mapping(accounts[0].get("availableBalance"))
    return Balance(decimal_of(available.get("amount")), text(available, "currency"))


def _number(value: object) -> int | None:
    readable = str(value) if isinstance(value, int | str) else ""
    return int(readable) if re.fullmatch("[0-9]{1,9}", readable) else None


def _check_echo(order: Mapping[str, object], request: ProvisionRequest) -> None:
    if order.get("description") != request.reference:
        raise InvalidInput("It does not carry our order reference.")
    if request.plan_code and order.get("package_id") != request.plan_code:
        raise InvalidInput("It is for another package.")
    if _number(order.get("quantity")) != _QUANTITY:  # the reference shows 1 and "1"
        raise InvalidInput("It is for another quantity.")


def _codes(sim: Mapping[str, object]) -> InstallCodes:
    """Read what the QR code shows; `lpa` (a host) and `matching_id` must say the same."""
    return install_codes(
        text_or_none(sim, "qrcode"),
        smdp_address=optional_text(sim, "lpa"),
        matching_id=optional_text(sim, "matching_id"),
    )


def _instructions(order: Mapping[str, object], sim: Mapping[str, object]) -> str | None:
    markups = (order.get("qrcode_installation"), order.get("manual_installation"))
    parts = dict.fromkeys((*map(_plain, markups), *_access_points(sim)))
    return printable("\n\n".join(filter(None, parts)))


def _plain(markup: object) -> str:
    """Turn Airalo's instructions from HTML into text."""
    if not isinstance(markup, str):
        return ""
    broken = _LINE_END.sub("\n", markup[:_MAX_HTML])
    return _BLANKS.sub("\n", html.unescape(_TAG.sub("", broken))).strip()


def _access_points(sim: Mapping[str, object]) -> list[str]:
    """List the access points that a customer has to type in."""
    platforms = sim.get("apn")
    if isinstance(platforms, dict):
        named = [(f"APN for {label}", platforms.get(key)) for key, label in _PLATFORMS.items()]
    else:
        named = [("APN", sim)]
    return [
        f"{label}: {apn['apn_value']}"
        for label, apn in named
        if isinstance(apn, dict)
        and apn.get("apn_type") == "manual"
        and not says_nothing(str(apn.get("apn_value") or ""))
    ]


_PLATFORMS = {"ios": "iOS", "android": "Android"}
