"""CONNECTED_YOU: the draft contract of 2025-11-20 (`POST /partners/orders`).

The draft has no error codes and no look-up: those here are the sandbox's own, as
docs/providers/connected-you.md hopes for them.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from sandbox.contracts.contract import Answer, Asked, Contract, text
from sandbox.credentials import CONNECTED_YOU_API_KEY, CONNECTED_YOU_PARTNER_ID
from sandbox.http import Reply, Request, json_object, json_reply
from sandbox.ledger import Order
from sandbox.misbehaviours import Trait
from sandbox.shop import Purchase, Terms, Trouble

ORDER, LOOKUP = "order", "lookup"
_TOLD = Trait.CALL | Trait.ECHO | Trait.ICCID | Trait.CODE
_MAX_QUANTITY = 50

_REFUSALS = {
    Trouble.OUT_OF_STOCK: (422, "OUT_OF_STOCK", "This plan is out of stock."),
    Trouble.UNKNOWN_PLAN: (422, "UNKNOWN_PLAN", "There is no plan with this planCode."),
    Trouble.NO_CREDIT: (402, "INSUFFICIENT_CREDIT", "The partner account has no credit left."),
    Trouble.BAD_CREDENTIALS: (401, "UNAUTHORIZED", "The x-api-key is not known."),
    Trouble.RATE_LIMITED: (429, "RATE_LIMITED", "Too many requests."),
}


class ConnectedYou(Contract):
    """Sells at once; the same reference again is a second purchase unless told otherwise."""

    provider = "CONNECTED_YOU"
    prefix = "/connected-you"
    base_path = "/connected-you"
    operations: ClassVar[Mapping[str, Trait]] = {
        ORDER: _TOLD | Trait.BUY | Trait.SHOWN,
        LOOKUP: _TOLD | Trait.LOOKUP,
    }
    paths: ClassVar[Mapping[tuple[str, str], str]] = {
        ("POST", "/partners/orders"): ORDER,
        ("GET", "/partners/orders"): LOOKUP,
    }

    def read(self, request: Request) -> Asked:
        """Check key, partner and body."""
        operation = self.operation_of(request)
        body = json_object(request.body) if operation == ORDER else dict(request.query)
        fields: Mapping[str, Any] = body or {}
        return Asked(
            operation=operation,
            reference=text(fields, "orderReference") or None,
            fields=fields,
            fault=self._fault(request, operation, fields),
        )

    def answer(self, asked: Asked, terms: Terms) -> Answer:
        """Sell, or list the partner's orders with this reference."""
        if asked.operation == LOOKUP:
            found = self.ledger.orders(self.provider, asked.reference)
            shown = [_told(order, terms.told(order)) for order in found if order.is_shown]
            return Answer(json_reply(200, {"data": shown}))
        fields = asked.fields
        order = self.shop.earlier(fields["orderReference"]) or self.shop.sell(
            Purchase(
                reference=fields["orderReference"],
                plan_code=fields["planCode"],
                quantity=fields.get("quantity", 1),
            ),
            terms,
        )
        return Answer(json_reply(200, {"data": _told(order, terms.told(order))}))

    def refusal(self, trouble: Trouble) -> Reply:
        """Answer an error object; the draft lists no codes."""
        return _error(*_REFUSALS[trouble])

    def failure(self, status: int) -> Reply:
        """Answer an error object that holds the status alone."""
        return _error(status, "ERROR", f"The request failed with status {status}.")

    def _fault(self, request: Request, operation: str, fields: Mapping[str, Any]) -> Reply | None:
        if request.headers.get("x-api-key") != CONNECTED_YOU_API_KEY:
            return self.refusal(Trouble.BAD_CREDENTIALS)
        if missing := [name for name in _NEEDED[operation] if not text(fields, name)]:
            return _error(400, "INVALID_REQUEST", f"Missing: {', '.join(missing)}.")
        if fields["partnerId"] != CONNECTED_YOU_PARTNER_ID:
            return _error(403, "FORBIDDEN", "The key belongs to another partnerId.")
        quantity = fields.get("quantity", 1)
        if operation == ORDER and (type(quantity) is not int or not 0 < quantity <= _MAX_QUANTITY):
            return _error(400, "INVALID_REQUEST", f"quantity must be 1 to {_MAX_QUANTITY}.")
        return None


_NEEDED = {
    ORDER: ("partnerId", "orderReference", "planCode"),
    LOOKUP: ("partnerId", "orderReference"),
}


def _told(order: Order, told: Order) -> dict[str, Any]:
    """Tell the reply's five fields; plan and quantity are echoed only when they are wrong."""
    profile = told.profiles[0]
    echo = {"planCode": told.plan_code, "quantity": told.quantity}
    truth = {"planCode": order.plan_code, "quantity": order.quantity}
    return {
        "orderReference": told.reference,
        "activationCode": profile.lpa_string,
        "iccid": profile.iccid,
        "qrCode": profile.lpa_string,
        "instructions": "Install via Settings, Mobile data, Add eSIM: scan the QR code.",
        **(echo if echo != truth else {}),
    }


def _error(status: int, code: str, message: str) -> Reply:
    return json_reply(status, {"error": {"code": code, "message": message}})
