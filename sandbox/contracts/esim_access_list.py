"""Profiles and packages as eSIM Access lists them."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sandbox.contracts.contract import text
from sandbox.ledger import Order
from sandbox.shop import PRICE_CENTS

NEW: Final = "GOT_RESOURCE"
CANCELLED: Final = "CANCEL"
PRICE: Final = PRICE_CENTS * 100  # USD times 10,000
_MOMENT = "%Y-%m-%dT%H:%M%z"
_GIGABYTE = 1024**3
_DAYS = 30
_UNUSED_FOR_SECONDS = 180 * 24 * 3600


def sale_numbers(order: Order) -> list[str]:
    """Make the esimTranNo of each profile of an order: unlike an ICCID, never used again."""
    day = time.strftime("%y%m%d", time.gmtime(order.booked_at))
    return [f"{day}{order.number:06d}{place:02d}" for place in range(len(order.profiles))]


def place_of(sale_no: str) -> int:
    """Read which profile of its order an esimTranNo names."""
    return int(sale_no[-2:])


def time_range(fields: Mapping[str, Any]) -> tuple[float, float] | None:
    """Read from when to when a query asks (wall time), None if it does not.

    Raises:
        ValueError: half a range, or no time as the reference writes it (UTC, to the minute).
    """
    times = [text(fields, name) for name in ("startTime", "endTime")]
    if not any(times):
        return None
    start, end = (datetime.strptime(each, _MOMENT).astimezone(UTC).timestamp() for each in times)
    return start, end


def esim(order: Order, place: int, state: str, order_no: str) -> dict[str, Any]:
    """Write one entry of `esimList`."""
    profile = order.profiles[place]
    return {
        "esimTranNo": sale_numbers(order)[place],
        "orderNo": order_no,
        "transactionId": order.reference,
        "imsi": None,
        "iccid": profile.iccid,
        "smsStatus": 0,
        "msisdn": "",
        "ac": profile.lpa_string,
        "qrCodeUrl": f"https://sandbox.example/qr/{order.number}.png",
        "shortUrl": f"https://sandbox.example/qr/{order.number}",
        "smdpStatus": "RELEASED",
        "eid": "",
        "activeType": 2,
        "dataType": 1,
        "activateTime": None,
        "expiredTime": _moment(order.booked_at + _UNUSED_FOR_SECONDS),
        "totalVolume": _GIGABYTE,
        "totalDuration": _DAYS,
        "durationUnit": "DAY",
        "orderUsage": 0,
        "esimStatus": state,
        "packageList": [
            {**_named(order.plan_code), "createTime": _moment(order.booked_at)},
        ],
    }


def package(plan_code: str) -> dict[str, Any]:
    """Write one entry of `packageList`."""
    return {
        **_named(plan_code),
        "name": f"Sandbox {plan_code}",
        "price": PRICE,
        "currencyCode": "USD",
        "retailPrice": 2 * PRICE,
        "unusedValidTime": 180,
        "durationUnit": "DAY",
        "location": "ES",
        "description": "Sold by the sandbox",
        "activeType": 2,
        "favorite": False,
        "speed": "4G/5G",
    }


def _named(plan_code: str) -> dict[str, Any]:
    return {
        "packageName": f"Sandbox {plan_code}",
        "packageCode": plan_code,
        "slug": plan_code,
        "duration": _DAYS,
        "volume": _GIGABYTE,
        "locationCode": "ES",
    }


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(at))
