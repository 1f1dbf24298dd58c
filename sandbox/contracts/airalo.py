"""AIRALO: the Partner API v2 (developers.partners.airalo.com, PyPI `airalo-sdk` 1.0.3).

There is no idempotency: the same request again is a second purchase. The look-up by
`filter[description]` is a search for a part of the text, as Airalo's is, and a page of it; `sims`
are there only with `include=sims`.
"""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from sandbox.contracts.airalo_auth import Tokens
from sandbox.contracts.airalo_order import full_order, listed_order
from sandbox.contracts.airalo_signature import HEADER, is_forged, signature
from sandbox.contracts.contract import Answer, Asked, Contract, Webhook, text
from sandbox.contracts.forms import form_fields
from sandbox.http import Reply, Request, json_reply
from sandbox.ledger import Order
from sandbox.misbehaviours import Trait
from sandbox.shop import Purchase, Shop, Terms, Trouble

TOKEN, ORDER, ORDER_ASYNC = "token", "order", "order_async"
LOOKUP, BALANCE = "lookup", "balance"

_TOLD = Trait.CALL | Trait.ECHO | Trait.ICCID | Trait.CODE
_LATER = Trait.DELIVERED_LATER | Trait.ANNOUNCED | Trait.SIGNED
_MAX_QUANTITY = 50
_PAGE_SIZE = 25
_MAX_PAGE_SIZE = 100

# Code and reason of a 422.
_REASONS = {
    Trouble.NO_CREDIT: (11, "Insufficient airmoney balance. Please top up your account."),
    Trouble.OUT_OF_STOCK: (33, "Insufficient stock of eSIMs remain for this package."),
    Trouble.UNKNOWN_PLAN: (34, "The requested eSIM package is invalid or out of stock."),
}


class Airalo(Contract):
    """Sells at once (`orders`) or later (`orders-async`, announced by a signed webhook)."""

    provider = "AIRALO"
    prefix = "/airalo/v2"
    base_path = "/airalo/v2"
    operations: ClassVar[Mapping[str, Trait]] = {
        TOKEN: Trait.CALL,
        ORDER: _TOLD | Trait.BUY | Trait.SHOWN,
        ORDER_ASYNC: _TOLD | Trait.BUY | Trait.SHOWN | _LATER,
        LOOKUP: _TOLD | Trait.LOOKUP,
        BALANCE: Trait.CALL,
    }
    paths: ClassVar[Mapping[tuple[str, str], str]] = {
        ("POST", "/token"): TOKEN,
        ("POST", "/orders"): ORDER,
        ("POST", "/orders-async"): ORDER_ASYNC,
        ("GET", "/orders"): LOOKUP,
        ("GET", "/balance"): BALANCE,
    }

    def __init__(self, shop: Shop, webhook_url: dict[str, str | None]) -> None:
        super().__init__(shop, webhook_url)
        self._tokens = Tokens(shop.settings.tokens_per_minute)

    def read(self, request: Request) -> Asked:
        """Check the token and the body, which may be JSON or a form."""
        operation = self.operation_of(request)
        is_get = request.method == "GET"
        fields: Mapping[str, Any] = request.query if is_get else form_fields(request)
        named = "filter[description]" if operation == LOOKUP else "description"
        return Asked(
            operation=operation,
            reference=text(fields, named) or None,
            fields=fields,
            fault=self._fault(request, operation, fields),
        )

    def answer(self, asked: Asked, terms: Terms) -> Answer:
        """Hand out a token, sell, list orders, or tell the balance."""
        match asked.operation:
            case "token":
                return Answer(self._tokens.answer(asked.fields))
            case "lookup":
                return Answer(self._page(asked.fields, terms))
            case "balance":
                return Answer(json_reply(200, _balance(self.shop.balance_cents())))
            case "order_async":
                return self._buy_later(asked.fields, terms)
            case _:
                order = self.shop.sell(_purchase(asked.fields), terms)
                return Answer(json_reply(200, _data(full_order(terms.told(order)))))

    def refusal(self, trouble: Trouble) -> Reply:
        """Answer 422 with code and reason; 401 and 429 as Airalo's gateway says them."""
        if trouble in _REASONS:
            code, reason = _REASONS[trouble]
            return json_reply(422, {"code": code, "reason": reason})
        return self.failure(401 if trouble is Trouble.BAD_CREDENTIALS else 429)

    def failure(self, status: int) -> Reply:
        """Answer a failure without a code."""
        message = {401: "Unauthenticated.", 429: "Too Many Attempts."}.get(status, "Failed.")
        return json_reply(status, {"data": [], "meta": {"message": message}})

    def webhook(self, order: Order, told: Order) -> Webhook | None:
        """Announce an order's sims, or why there are none."""
        url = order.webhook_url
        if url is None:
            return None
        if order.failed:
            reason = _REASONS[Trouble.OUT_OF_STOCK][1]
            return self.wrapped(_encoded({"request_id": order.request_id, "reason": reason}), url)
        data = {"request_id": order.request_id, **full_order(told)}
        return self.wrapped(_encoded(_data(data)), url)

    def wrapped(self, body: bytes, url: str) -> Webhook:
        """Sign in the SDKs' form, which is not the body's own: it has blanks."""
        fields = json.loads(body)
        return Webhook(
            url=url,
            body=body,
            headers={"content-type": "application/json"},
            signature_header=HEADER,
            signature=signature(fields),
            wrong_signature=signature(fields, "not the client secret"),
        )

    def _buy_later(self, fields: Mapping[str, Any], terms: Terms) -> Answer:
        request_id = secrets.token_urlsafe(18)
        url = self.webhook_url(text(fields, "webhook_url"))
        later = replace(_purchase(fields), later=True, request_id=request_id, webhook_url=url)
        order = self.shop.sell(later, terms)
        accepted_at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(order.booked_at))
        accepted = {"request_id": request_id, "accepted_at": accepted_at}
        return Answer(json_reply(202, _data(accepted)), announces=order)

    def _page(self, fields: Mapping[str, Any], terms: Terms) -> Reply:
        wanted = text(fields, "filter[description]")
        orders = [
            order
            for order in reversed(self.ledger.orders(self.provider))
            if wanted in order.reference and order.is_shown and (order.is_ready or order.failed)
        ]
        size = min(_count(fields, "limit", _PAGE_SIZE), _MAX_PAGE_SIZE)
        page = _count(fields, "page", 1)
        included = frozenset(text(fields, "include").split(","))
        shown = orders[(page - 1) * size : page * size]
        told = [listed_order(terms.told(order), included) for order in shown]
        return json_reply(200, _paged(told, page, size, len(orders)))

    def _fault(self, request: Request, operation: str, fields: Mapping[str, Any]) -> Reply | None:
        if operation == TOKEN:
            return None
        accepted = self._tokens.accepts(request.headers.get("authorization", ""))
        if not accepted or is_forged(request):
            return self.refusal(Trouble.BAD_CREDENTIALS)
        return _order_fault(fields) if operation in (ORDER, ORDER_ASYNC) else None


def _order_fault(fields: Mapping[str, Any]) -> Reply | None:
    faults = {}
    quantity = _quantity(fields)
    if not text(fields, "package_id"):
        faults["package_id"] = "The package id field is required."
    if quantity is None or quantity < 1:
        faults["quantity"] = "The quantity field is required."
    elif quantity > _MAX_QUANTITY:
        faults["quantity"] = f"The quantity may not be greater than {_MAX_QUANTITY}."
    if fields.get("type", "sim") != "sim":
        faults["type"] = "The selected type is invalid."
    if not faults:
        return None
    return json_reply(422, {"data": faults, "meta": {"message": "the parameter is invalid"}})


def _purchase(fields: Mapping[str, Any]) -> Purchase:
    return Purchase(
        reference=text(fields, "description"),
        plan_code=fields["package_id"],
        quantity=_quantity(fields) or 1,
    )


def _quantity(fields: Mapping[str, Any]) -> int | None:
    try:
        return int(fields["quantity"])
    except (KeyError, TypeError, ValueError):
        return None


def _count(fields: Mapping[str, Any], name: str, default: int) -> int:
    value = text(fields, name)
    return max(int(value), 1) if value.isdecimal() else default


def _data(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"data": data, "meta": {"message": "success"}}


def _balance(cents: int) -> dict[str, Any]:
    available = {"amount": cents / 100, "currency": "USD"}
    return _data({"balances": {"name": "balance", "availableBalance": available}})


def _paged(told: list[dict[str, Any]], page: int, size: int, total: int) -> dict[str, Any]:
    last = max(-(-total // size), 1)
    meta = {"current_page": page, "last_page": last, "per_page": size, "total": total}
    return {
        "data": told,
        "links": {
            "first": "?page=1",
            "last": f"?page={last}",
            "prev": f"?page={page - 1}" if page > 1 else None,
            "next": f"?page={page + 1}" if page < last else None,
        },
        "meta": {"message": "success", **meta},
    }


def _encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()
