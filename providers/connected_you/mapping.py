"""Translates our words into ConnectedYou's fields and back (draft contract, section 2)."""

from collections.abc import Mapping

from domain.codes import install_codes
from domain.errors import InvalidInput
from domain.provider import ProvisionRequest
from providers.kit.base import SoldProfile
from providers.kit.fields import mapping, optional_text, printable, text_or_none
from providers.kit.redaction import REDACTED

_QUANTITY = 1
# Unverified: the draft lists no error codes. Anything else is a plain refusal.
_OUT_OF_STOCK_CODES = frozenset({"OUT_OF_STOCK", "NO_STOCK", "INSUFFICIENT_STOCK"})
_OUT_OF_STOCK_TEXT = "out of stock"


def order_body(request: ProvisionRequest, partner_id: str) -> dict[str, object]:
    """Make the body of `POST /partners/orders`. What we do not know is left out."""
    customer = {"email": request.customer_email, "name": request.customer_name}
    body = {
        "partnerId": partner_id,
        "orderReference": request.reference,
        "planCode": request.plan_code,
        "countryIso2": request.country_iso2,
        "quantity": _QUANTITY,
        "customer": {key: text for key, text in customer.items() if text is not None},
        "metadata": {"order_id": request.order_id, "plan_name": request.plan_name},
    }
    return {key: value for key, value in body.items() if value is not None}


def described_body(request: ProvisionRequest, partner_id: str) -> dict[str, object]:
    """Make the body of a purchase without the customer's address and name, for ops."""
    body = order_body(request, partner_id)
    return {**body, "customer": dict.fromkeys(mapping(body["customer"]), REDACTED)}


def sold_order(body: object) -> Mapping[str, object]:
    """Read the order in the reply to a purchase.

    Raises:
        InvalidInput: there is none.
    """
    return mapping(mapping(body).get("data"))


def found_order(body: object, reference: str) -> Mapping[str, object] | None:
    """Find the order with this reference in a look-up's reply; None if the list is empty.

    Only an empty list says "absent": any other surprise must not lead to a second purchase.

    Raises:
        InvalidInput: the reply does not answer the question.
    """
    data = mapping(body).get("data")
    orders = data if isinstance(data, list) else [data]
    if not orders:
        return None
    matches = [order for order in map(mapping, orders) if order.get("orderReference") == reference]
    if len(matches) != 1:
        raise InvalidInput(f"{len(matches)} of {len(orders)} orders have our reference.")
    return matches[0]


def profile_of(order: Mapping[str, object], request: ProvisionRequest) -> SoldProfile:
    """Read the profile in an order of ours, and check every field.

    Raises:
        InvalidInput: not our order, or a code that cannot be used; quotes no code.
    """
    _check_echo(order, request)
    return SoldProfile(
        iccid=optional_text(order, "iccid"),
        codes=install_codes(text_or_none(order, "activationCode"), text_or_none(order, "qrCode")),
        instructions=printable(order.get("instructions")),
    )


def says_out_of_stock(body: object) -> bool:
    """Tell whether an error body says that the plan is sold out (unverified, see above)."""
    if isinstance(body, dict):
        return any(map(says_out_of_stock, body.values()))
    text = body if isinstance(body, str) else ""
    return text.upper() in _OUT_OF_STOCK_CODES or _OUT_OF_STOCK_TEXT in text.lower()


def _check_echo(order: Mapping[str, object], request: ProvisionRequest) -> None:
    if order.get("orderReference") != request.reference:
        raise InvalidInput("It does not carry our order reference.")
    if request.plan_code and order.get("planCode") not in (None, request.plan_code):
        raise InvalidInput("It is for another plan.")
    if order.get("quantity") not in (None, _QUANTITY):
        raise InvalidInput("It is for another quantity.")
