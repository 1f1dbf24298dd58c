"""ESIM_ACCESS: the open API v1 (docs.esimaccess.com, PyPI `esimaccess-python` 0.1.1).

Every call is a POST that answers HTTP 200; `success` and `errorCode` say how it went. An order's
profiles are handed out later: a query before that says 200010. Prices are USD times 10,000.

A repeated transactionId is the same request, or (told not to deduplicate) is said to exist. A
query filters by orderNo, iccid, esimTranNo and a time range, and by nothing else. An ICCID that was
given back may be sold again: a sale is known by its esimTranNo.
"""

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeGuard

from sandbox.contracts.contract import Answer, Asked, Contract, Webhook, text
from sandbox.contracts.esim_access_list import (
    CANCELLED,
    NEW,
    PRICE,
    esim,
    package,
    place_of,
    sale_numbers,
    time_range,
)
from sandbox.credentials import ESIM_ACCESS_ACCESS_CODE
from sandbox.http import Reply, Request, json_object, json_reply
from sandbox.ledger import Order, ProfileState
from sandbox.misbehaviours import Trait
from sandbox.shop import Purchase, Terms, Trouble, trouble_of

ORDER, LOOKUP, CANCEL = "order", "lookup", "cancel"
BALANCE, PACKAGES = "balance", "packages"

_ALL_PACKAGES = ("SANDBOX-1GB", "SANDBOX-5GB", "SOLDOUT-1GB", "NOCREDIT-1GB")
_MAX_TRANSACTION_ID = 50
_MAX_COUNT = 30
_PAGE_SIZES = range(5, 501)
_PAGES = range(1, 10_001)
_UNITS_PER_CENT = 100

_MISSING = ("000105", "The request is missing mandatory parameters")
_TOO_LONG = ("000107", "A parameter is too long")
_BAD_JSON = ("000104", "The request body is no JSON object")
_WRONG_PRICE = ("200005", "The price of a package is not right")
_WRONG_AMOUNT = ("200006", "The total amount is not right")
_NOT_IN_THIS_STATE = ("200009", "The state of the order does not allow this")
_NOT_YET = ("200010", "The profiles of the order are being allocated")
_NO_SUCH_ORDER = ("310272", "The order does not exist")
_KNOWN = ("310402", "The transactionId exists already")
_OUT_OF_RANGE = ("000106", "A parameter is out of its range")

_ERRORS = {
    Trouble.OUT_OF_STOCK: ("200011", "Not enough profiles in stock"),
    Trouble.UNKNOWN_PLAN: ("310241", "The packageCode does not exist"),
    Trouble.NO_CREDIT: ("200007", "The account balance is not sufficient"),
    Trouble.BAD_CREDENTIALS: ("101003", "The signature or access code is not right"),
    Trouble.RATE_LIMITED: ("900001", "The system is busy, please try again later"),
}


class EsimAccess(Contract):
    """Sells now, hands out later."""

    provider = "ESIM_ACCESS"
    prefix = "/esim-access/api/v1/open"
    base_path = "/esim-access/api/v1/open"
    operations: ClassVar[Mapping[str, Trait]] = {
        ORDER: Trait.CALL
        | Trait.BUY
        | Trait.SHOWN
        | Trait.DELIVERED_LATER
        | Trait.ANNOUNCED
        | Trait.TAKES_BACK,
        LOOKUP: Trait.CALL | Trait.LOOKUP | Trait.ECHO | Trait.ICCID | Trait.CODE,
        CANCEL: Trait.CALL | Trait.STEP,
        BALANCE: Trait.CALL,
        PACKAGES: Trait.CALL,
    }
    paths: ClassVar[Mapping[tuple[str, str], str]] = {
        ("POST", "/esim/order"): ORDER,
        ("POST", "/esim/query"): LOOKUP,
        ("POST", "/esim/cancel"): CANCEL,
        ("POST", "/balance/query"): BALANCE,
        ("POST", "/package/list"): PACKAGES,
    }

    def read(self, request: Request) -> Asked:
        """Check access code and body; an order is known by its transaction id."""
        operation = self.operation_of(request)
        fields = json_object(request.body)
        return Asked(
            operation=operation,
            reference=self._reference(fields or {}),
            fields=fields or {},
            fault=_fault(request, operation, fields),
        )

    def answer(self, asked: Asked, terms: Terms) -> Answer:
        """Sell, query, cancel, or tell balance and packages."""
        match asked.operation:
            case "order":
                return self._buy(asked.fields, terms)
            case "lookup":
                return Answer(self._query(asked.fields, terms))
            case "cancel":
                return Answer(self._cancel(asked.fields))
            case "balance":
                return Answer(_success({"balance": self.shop.balance_cents() * _UNITS_PER_CENT}))
            case _:
                return Answer(_packages(asked.fields))

    def refusal(self, trouble: Trouble) -> Reply:
        """Answer `success: false` with a code."""
        status = 429 if trouble is Trouble.RATE_LIMITED else 200
        return _failure(*_ERRORS[trouble], status=status)

    def failure(self, status: int) -> Reply:
        """Fail with an HTTP status and `success: false`."""
        return _failure(*_ERRORS[Trouble.RATE_LIMITED], status=status)

    def webhook(self, order: Order, told: Order) -> Webhook | None:
        """Announce that the profiles are there. A failure is announced to nobody."""
        url = order.webhook_url
        if url is None or order.failed:
            return None
        content = {
            "orderNo": _order_no(told),
            "transactionId": told.reference,
            "orderStatus": "GOT_RESOURCE",
        }
        moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(order.ready_at))
        body = {
            "notifyType": "ORDER_STATUS",
            "eventGenerateTime": moment,
            "notifyId": uuid.uuid4().hex,
            "content": content,
        }
        return self.wrapped(json.dumps(body).encode(), url)

    def _buy(self, fields: Mapping[str, Any], terms: Terms) -> Answer:
        (line,) = fields["packageInfoList"]
        purchase = Purchase(
            reference=fields["transactionId"],
            plan_code=_plan_code(line),
            quantity=line.get("count", 1),
            state=ProfileState(NEW),
            later=True,
            webhook_url=self.webhook_url(),
        )
        earlier = self.shop.earlier(purchase.reference)
        if earlier is None and self.ledger.orders(self.provider, purchase.reference):
            return Answer(_failure(*_KNOWN))
        order = earlier or self.shop.sell(purchase, terms)
        reply = _success({"orderNo": _order_no(terms.told(order))})
        return Answer(reply, announces=None if earlier else order)

    def _query(self, fields: Mapping[str, Any], terms: Terms) -> Reply:
        orders = [order for order in self._orders(fields) if order.is_shown]
        ready = [order for order in orders if order.is_ready]
        if text(fields, "orderNo") and not ready:
            return _failure(*_why_not(orders))
        wanted = {name: text(fields, name) for name in ("iccid", "esimTranNo")}
        listed = [entry for entry in self._esims(ready, terms) if _is_wanted(entry, wanted)]
        return _success(_page(listed, fields["pager"]))

    def _esims(self, orders: Iterable[Order], terms: Terms) -> Iterator[dict[str, Any]]:
        for order in orders:
            told = terms.told(order)
            for place, profile in enumerate(told.profiles):
                state = self._state(told, profile.iccid)
                yield esim(told, place, state, _order_no(told))

    def _cancel(self, fields: Mapping[str, Any]) -> Reply:
        found = self._orders(fields)
        if not found:
            return _failure(*_NO_SUCH_ORDER)
        (order,) = found
        iccid = text(fields, "iccid") or order.profiles[place_of(text(fields, "esimTranNo"))].iccid
        if not order.is_ready or self._state(order, iccid) == CANCELLED:
            return _failure(*_NOT_IN_THIS_STATE)
        self.ledger.set_state(iccid, ProfileState(CANCELLED))
        if all(self._state(order, profile.iccid) == CANCELLED for profile in order.profiles):
            self.ledger.void(order)
        return _success({})

    def _state(self, order: Order, iccid: str) -> str:
        """Read what became of a profile of this order: what was sold again had been given back."""
        holder, state = self.ledger.order_of(iccid), self.ledger.state(iccid)
        if holder is not None and holder.number > order.number:
            return CANCELLED
        return state.state if state else NEW

    def _orders(self, fields: Mapping[str, Any]) -> list[Order]:
        """Find what a call is about: one order or profile, a time range, or all."""
        orders = self.ledger.orders(self.provider)
        if order_no := text(fields, "orderNo"):
            return [order for order in orders if _order_no(order) == order_no]
        if sale_no := text(fields, "esimTranNo"):
            return [order for order in orders if sale_no in sale_numbers(order)]
        if iccid := text(fields, "iccid"):
            order = self.ledger.order_of(iccid)
            return [order] if order and order.provider == self.provider else []
        if span := time_range(fields):
            return [order for order in orders if span[0] <= order.booked_at <= span[1]]
        return orders

    def _reference(self, fields: Mapping[str, Any]) -> str | None:
        if transaction_id := text(fields, "transactionId"):
            return transaction_id
        names_one = any(text(fields, name) for name in ("orderNo", "iccid", "esimTranNo"))
        orders = self._orders(fields) if names_one else []
        return orders[0].reference if orders else None


def _fault(request: Request, operation: str, fields: Mapping[str, Any] | None) -> Reply | None:
    if request.headers.get("rt-accesscode") != ESIM_ACCESS_ACCESS_CODE:
        return _failure(*_ERRORS[Trouble.BAD_CREDENTIALS])
    if operation == BALANCE:  # the official client sends no body
        return None
    if fields is None:
        return _failure(*_BAD_JSON)
    if operation == LOOKUP:
        return _query_fault(fields)
    if operation == CANCEL and not (text(fields, "iccid") or text(fields, "esimTranNo")):
        return _failure(*_MISSING)
    return _order_fault(fields) if operation == ORDER else None


def _query_fault(fields: Mapping[str, Any]) -> Reply | None:
    pager = fields.get("pager")
    if not _is_pager(pager):
        return _failure(*_MISSING)
    is_right = pager["pageSize"] in _PAGE_SIZES and pager["pageNum"] in _PAGES
    try:
        time_range(fields)
    except ValueError:
        is_right = False
    return None if is_right else _failure(*_OUT_OF_RANGE)


def _why_not(orders: list[Order]) -> tuple[str, str]:
    """Say why a query by orderNo has nothing to list."""
    if not orders:
        return _NO_SUCH_ORDER
    return _NOT_IN_THIS_STATE if all(order.failed for order in orders) else _NOT_YET


def _is_wanted(entry: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    """Tell whether an entry is what was asked for."""
    return all(not value or entry[name] == value for name, value in wanted.items())


def _order_fault(fields: Mapping[str, Any]) -> Reply | None:
    lines = fields.get("packageInfoList")
    if not text(fields, "transactionId") or not isinstance(lines, list) or len(lines) != 1:
        return _failure(*_MISSING)
    if len(fields["transactionId"]) > _MAX_TRANSACTION_ID:
        return _failure(*_TOO_LONG)
    line = lines[0]
    count = line.get("count", 1) if isinstance(line, dict) else None
    if type(count) is not int or not 0 < count <= _MAX_COUNT or not _plan_code(line):
        return _failure(*_MISSING)
    if line.get("price") not in (None, PRICE):
        return _failure(*_WRONG_PRICE)
    if fields.get("amount") not in (None, PRICE * count):
        return _failure(*_WRONG_AMOUNT)
    return None


def _packages(fields: Mapping[str, Any]) -> Reply:
    wanted = text(fields, "packageCode")
    codes = [wanted] if wanted else _ALL_PACKAGES
    listed = [package(code) for code in codes if trouble_of(code) is not Trouble.UNKNOWN_PLAN]
    return _success({"packageList": listed})


def _is_pager(pager: object) -> TypeGuard[dict[str, int]]:
    return isinstance(pager, dict) and all(
        type(pager.get(name)) is int for name in ("pageNum", "pageSize")
    )


def _page(esims: list[dict[str, Any]], pager: Mapping[str, int]) -> dict[str, Any]:
    number, size = pager["pageNum"], pager["pageSize"]
    shown = esims[(number - 1) * size : number * size]
    total = {"pageSize": size, "pageNum": number, "total": len(esims)}
    return {"esimList": shown, "pager": total}


def _plan_code(line: Mapping[str, Any]) -> str:
    return text(line, "packageCode") or text(line, "slug")


def _order_no(order: Order) -> str:
    return f"B{time.strftime('%y%m%d', time.gmtime(order.booked_at))}{order.number:08d}"


def _success(body: Mapping[str, Any]) -> Reply:
    return json_reply(200, {"success": True, "errorCode": "0", "errorMsg": None, "obj": body})


def _failure(code: str, message: str, *, status: int = 200) -> Reply:
    return json_reply(
        status, {"success": False, "errorCode": code, "errorMsg": message, "obj": None}
    )
